import TestSupport
import Testing

@testable import AMQP

@Suite struct ConfigurationTests {
    @Test func `A full URL is read, percent-decoded`() throws {
        let configuration = try AMQPConfiguration(
            url:
                "amqps://us%40er:p%2Fss%3Aword@broker.example:5699/prod%2Feu?heartbeat=20&verify=verify_none"
                + "&frame_max=8192"
        )
        #expect(configuration.host == "broker.example")
        #expect(configuration.port == 5_699)
        #expect(configuration.user == "us@er")
        #expect(configuration.password.value == "p/ss:word")
        #expect(configuration.virtualHost == "prod/eu")
        #expect(configuration.heartbeat == .seconds(20))
        #expect(configuration.frameMax == 8_192)
        #expect(configuration.tls?.verification == AMQPConfiguration.TLS.Verification.none)
    }

    @Test(arguments: [
        ("amqp://localhost", "localhost", 5_672, "/"),
        ("amqp://localhost/", "localhost", 5_672, "/"),
        ("amqp://localhost/%2F", "localhost", 5_672, "/"),
        ("amqps://localhost/a", "localhost", 5_671, "a"),
        ("AMQP://[::1]:7/x?heartbeat=0", "::1", 7, "x"),
        ("amqp://u:p@ss@h", "h", 5_672, "/"),
    ])
    func `Defaults and forms`(url: String, host: String, port: Int, virtualHost: String) throws {
        let configuration = try AMQPConfiguration(url: url)
        #expect(configuration.host == host)
        #expect(configuration.port == port)
        #expect(configuration.virtualHost == virtualHost)
    }

    @Test(arguments: [
        "", "localhost", "http://u:hunter2@h/", "amqp://", "amqp://u:hunter2@:5672/", "amqp://u:hunter2@h:0/",
        "amqp://u:hunter2@h:70000/", "amqp://u:hunter2@h:x/", "amqp://u:hunter2%@h/", "amqp://u:hunter2%G1@h/",
        "amqp://u:hunter2@h/a/b", "amqp://u:hunter2@h/?heartbeat=-1", "amqp://u:hunter2@h/?colour=red",
        "amqp://u:hunter2@h/?cacertfile=/x", "amqp://u:hunter2@h/#x", "amqp://u:hunter2@h/%00", "amqp://u:%FF@h/",
        "amqp://u:hunter2@[::1/",
    ])
    func `A bad URL is refused without quoting the password`(url: String) throws {
        let error = #expect(throws: AMQPError.self) { try AMQPConfiguration(url: url) }
        #expect(error?.code == .invalidArgument)
        #expect(error.map { !"\($0)".contains("hunter2") } == true)
    }

    @Test func `The password shows in no dump`() throws {
        let configuration = try AMQPConfiguration(url: "amqp://u:hunter2@h/")
        var text = ""
        dump(configuration, to: &text)
        #expect(!text.contains("hunter2"))
        #expect(!"\(configuration)".contains("hunter2"))
        #expect(!String(reflecting: configuration).contains("hunter2"))
    }

    @Test func `Backoff limits double up to the cap and the delay stays below`() {
        let backoff = AMQPBackoff(base: .milliseconds(100), cap: .seconds(10))
        #expect(
            (1...9).map { backoff.limit(attempt: $0) } == [
                .milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800), .milliseconds(1_600),
                .milliseconds(3_200), .milliseconds(6_400), .seconds(10), .seconds(10),
            ])
        #expect(backoff.limit(attempt: .max) == .seconds(10))
        #expect(backoff.limit(attempt: 0) == .milliseconds(100))
        var generator = SeededGenerator(seed: 1)
        let delays = (0..<1_000).map { _ in backoff.delay(attempt: 8, using: &generator) }
        #expect(delays.allSatisfy { $0 >= .zero && $0 < .seconds(10) })
        #expect(delays.contains { $0 < .seconds(1) } && delays.contains { $0 > .seconds(9) })
    }
}
