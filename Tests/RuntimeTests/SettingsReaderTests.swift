import Runtime
import TestSupport
import Testing

@Suite("Settings")
struct SettingsReaderTests {
    private func reader(_ environment: [String: String], file: [String: String] = [:]) -> SettingsReader {
        SettingsReader(SettingsSource(environment: environment, file: file))
    }

    @Test func `The environment wins over the file, and the file over the default`() throws {
        let reader = self.reader(["FLOTILLA_A_PORT": "1"], file: ["a.port": "2", "b.port": "3"])
        #expect(reader.int("a.port", default: 9, in: 0...10, help: "") == 1)
        #expect(reader.int("b.port", default: 9, in: 0...10, help: "") == 3)
        #expect(reader.int("c.port", default: 9, in: 0...10, help: "") == 9)
        try reader.finish()
    }

    @Test func `Well-known names are taken, after the prefixed one`() {
        let reader = self.reader(["REDIS_URL": "b"])
        #expect(reader.string("redis.url", default: "", aliases: ["REDIS_URL"], help: "") == "b")
        let both = self.reader(["REDIS_URL": "b", "FLOTILLA_REDIS_URL": "a"])
        #expect(both.string("redis.url", default: "", aliases: ["REDIS_URL"], help: "") == "a")
    }

    @Test func `All problems are told at once, by name, with what is expected`() {
        let reader = self.reader(["FLOTILLA_HTTP_PORT": "99999", "FLOTILLA_LEASE": "soon", "FLOTILLA_MUTED": "maybe"])
        _ = reader.int("http.port", default: 1, in: 0...65535, help: "")
        _ = reader.duration("lease", default: .seconds(1), in: .zero ... .seconds(9), help: "")
        _ = reader.bool("muted", default: false, help: "")
        _ = reader.requiredString("name", example: "x", help: "")
        let error = #expect(throws: ConfigurationError.self) { try reader.finish() }
        #expect(
            error?.problems.map(\.variable) == [
                "FLOTILLA_HTTP_PORT", "FLOTILLA_LEASE", "FLOTILLA_MUTED", "FLOTILLA_NAME",
            ])
        #expect(
            error?.description.contains(#"FLOTILLA_HTTP_PORT: "99999" given, expected a whole number from 0 to 65535"#)
                == true)
        #expect(error?.description.contains("FLOTILLA_NAME: not set") == true)
    }

    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("30s", .seconds(30)), ("5m", .seconds(300)), ("1h", .seconds(3600)),
        ("2", .seconds(2)), ("1.5s", .milliseconds(1500)),
    ])
    func `Durations have units`(text: String, expected: Duration) {
        let reader = self.reader(["FLOTILLA_D": text])
        #expect(reader.duration("d", default: .zero, in: .zero ... .seconds(99_999), help: "") == expected)
    }

    @Test(arguments: ["", "s", "-1s", "1d", "nan", "inf", "1e400s", "1 s s"])
    func `What is no duration is refused`(text: String) {
        let reader = self.reader(["FLOTILLA_D": text.isEmpty ? "x" : text])
        _ = reader.duration("d", default: .zero, in: .zero ... .seconds(10), help: "")
        #expect(throws: ConfigurationError.self) { try reader.finish() }
    }

    @Test func `A secret may come from a file but not from both`() throws {
        let directory = try TemporaryDirectory("secret")
        let path = try directory.write("from file\n", to: "token")
        let one = self.reader(["FLOTILLA_TOKEN_FILE": path])
        #expect(one.requiredSecret("token", help: "").reveal() == "from file")
        try one.finish()
        let both = self.reader(["FLOTILLA_TOKEN_FILE": path, "FLOTILLA_TOKEN": "t0psecret"])
        _ = both.requiredSecret("token", help: "")
        let error = #expect(throws: ConfigurationError.self) { try both.finish() }
        #expect(error?.description.contains("t0psecret") == false)
        let missing = self.reader(["FLOTILLA_TOKEN_FILE": "/does/not/exist"])
        _ = missing.requiredSecret("token", help: "")
        #expect(throws: ConfigurationError.self) { try missing.finish() }
    }

    @Test func `A malformed secret is never shown`() {
        struct Wrong: Error {}
        let reader = self.reader(["FLOTILLA_URL": "amqp://user:hunter2@host"])
        let value: Int? = reader.parsed("url", default: nil, secret: true, expected: "a URL", help: "") { _ in
            throw Wrong()
        }
        let error = #expect(throws: ConfigurationError.self) { try reader.finish() }
        #expect(value == nil)
        #expect(error?.description.contains("hunter2") == false)
        #expect(error?.description.contains("***") == true)
    }

    @Test func `An unknown variable is told with the nearest known one`() {
        let reader = self.reader(["FLOTILLA_HTTP_PROT": "1"])
        _ = reader.int("http.port", default: 1, in: 0...9, help: "")
        let unknown = reader.unknownVariables()
        #expect(unknown.map(\.variable) == ["FLOTILLA_HTTP_PROT"])
        #expect(unknown.first?.nearest == "FLOTILLA_HTTP_PORT")
    }

    @Test func `A secret prints as stars however it is printed`() {
        struct Holder { let token = Secret("abc") }
        #expect("\(Secret("abc"))" == "***")
        #expect(String(reflecting: Secret("abc")) == "***")
        var dumped = ""
        dump(Holder(), to: &dumped)
        #expect(!dumped.contains("abc"))
        #expect(Secret("abc").matches(Secret("abc")))
        #expect(!Secret("abc").matches(Secret("abd")) && !Secret("abc").matches(Secret("ab")))
    }
}
