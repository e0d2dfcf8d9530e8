import Logging
import NIOCore
import NIOSSL
import Synchronization
import TestSupport
import Testing

@testable import AMQP

@Suite(.timeLimit(.minutes(1))) struct ConnectionContractTests {
    @Test func `A wrong password is refused clearly, without showing it`() async throws {
        try await BrokerUnderTest.run { broker in
            let error = try await amqpError { _ = try await broker.connect { $0.setPassword("hunter2") } }
            #expect(error.code == .accessRefused && error.replyCode == 403)
            #expect(error.message == "access refused for user \(broker.configuration.user)")
            #expect(!"\(error)".contains("hunter2"))
        }
    }

    @Test func `An unknown virtual host is refused clearly`() async throws {
        try await BrokerUnderTest.run { broker in
            let error = try await amqpError { _ = try await broker.connect { $0.virtualHost = "no/such" } }
            #expect(error.code == .accessRefused && error.replyCode == 530)
            #expect(error.message.contains("no/such"))
        }
    }

    @Test func `Nobody listening, and a listener that says nothing, are told apart`() async throws {
        try await BrokerUnderTest.run { broker in
            let port = try quietPort()
            let refused = try await amqpError {
                _ = try await broker.connect {
                    $0.host = "127.0.0.1"
                    $0.port = port
                }
            }
            #expect(refused.code == .connectFailed)

            let relay = try await broker.proxy()
            relay.mute()
            let silent = try await amqpError {
                _ = try await broker.connect {
                    $0.host = "127.0.0.1"
                    $0.port = relay.port
                    $0.connectTimeout = .milliseconds(300)
                }
            }
            #expect(silent.code == .timedOut)
            await relay.stop()
        }
    }

    @Test func `Closing is told to delegates once, as ours`() async throws {
        try await BrokerUnderTest.run { broker in
            let connection = try await broker.connect()
            let log = SettlementLog()
            let channel = try await connection.openChannel(delegate: log)
            let closedFirst = SettlementLog()
            let second = try await connection.openChannel(delegate: closedFirst)
            await second.close()
            #expect(closedFirst.closed == [nil])
            #expect(connection.isOpen)
            await connection.close()
            #expect(log.closed == [nil])
            #expect(!connection.isOpen && !channel.isOpen)
            #expect(try await amqpError { try await channel.setPrefetch(1) }.code == .connectionClosed)
            #expect(try await amqpError { _ = try await connection.openChannel() }.code == .connectionClosed)
        }
    }

    @Test func `Channel numbers run out and come back`() async throws {
        try await BrokerUnderTest.run { broker in
            let connection = try await broker.connect { $0.channelMax = 3 }
            var channels: [AMQPChannel] = []
            for _ in 0..<3 { channels.append(try await connection.openChannel()) }
            #expect(try await amqpError { _ = try await connection.openChannel() }.code == .noChannelLeft)
            await channels[1].close()
            #expect(try await connection.openChannel().id == 2)
        }
    }

    @Test func `Heartbeats keep an idle connection alive, and their absence ends it`() async throws {
        try await BrokerUnderTest.run { broker in
            let relay = try await broker.proxy()
            var kept: AMQPConnection?
            // A machine that stands still for 2 s loses one as well, but hardly each time.
            for _ in 0..<4 where kept == nil {
                let connection = try await broker.connect {
                    $0.host = "127.0.0.1"
                    $0.port = relay.port
                    $0.heartbeat = .seconds(1)
                }
                let channel = try await connection.openChannel()
                // Longer than the broker's patience of two intervals: only heartbeats of ours keep it.
                try await Task.sleep(for: .milliseconds(3_500))
                if (try? await channel.setPrefetch(1)) != nil { kept = connection }
            }
            let connection = try #require(kept)
            relay.mute()
            let start = ContinuousClock.now
            let error = await connection.waitUntilClosed()
            #expect(error?.code == .heartbeatMissed)
            #expect(start.duration(to: .now) < .seconds(20))
            await relay.stop()
        }
    }

    @Test func `A cut fails what waits`() async throws {
        try await BrokerUnderTest.run { broker in
            let relay = try await broker.proxy()
            let connection = try await broker.connect {
                $0.host = "127.0.0.1"
                $0.port = relay.port
            }
            let log = SettlementLog()
            let channel = try await connection.openChannel(delegate: log)
            relay.mute()
            async let waiting = amqpError {
                try await channel.publishConfirmed(AMQPMessage(exchange: "", routingKey: "x", body: ByteBuffer()))
            }
            try await channel.eventLoop.submit {}.get()
            relay.apply(.finish)
            #expect(try await waiting.code == .connectionClosed)
            #expect(await connection.waitUntilClosed()?.code == .connectionClosed)
            #expect(log.closed.count == 1 && log.closed.first??.code == .connectionClosed)
            await relay.stop()
        }
    }

    @Test func `TLS to the broker is checked against the authority`() async throws {
        let certificates = try await TestCertificates()
        var server = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificates.certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: certificates.key, format: .pem)))
        server.minimumTLSVersion = .tlsv12
        let context = try NIOSSLContext(configuration: server)
        try await BrokerUnderTest.run { broker in
            let relay = try await broker.proxy(tls: context)
            func connect(_ host: String, _ query: String, port: Int? = nil) async throws -> AMQPConnection {
                var configuration = try AMQPConfiguration(url: "amqps://\(host):\(port ?? relay.port)/?\(query)")
                configuration.user = broker.configuration.user
                configuration.password = broker.configuration.password
                return try await broker.connect { $0 = configuration }
            }
            for host in ["localhost", "127.0.0.1"] {
                let channel = try await connect(host, "cacertfile=\(certificates.authority)").openChannel()
                let queue = broker.queue(host)
                try await channel.declareQueue(queue)
                let body = ByteBuffer(repeating: 65, count: 300_000)
                try await channel.publishConfirmed(
                    AMQPMessage(exchange: "", routingKey: queue, body: body, mandatory: true))
                #expect(try await channel.get(queue, noAck: true)?.body == body)
            }
            #expect(try await connect("localhost", "verify=verify_none").isOpen)
            let unknown = try await amqpError { _ = try await connect("localhost", "heartbeat=5") }
            #expect(unknown.code == .connectFailed)
            // An address that the certificate does not name, until the name that it has is asked for.
            let elsewhere = try await broker.proxy(on: "127.0.0.2", tls: context)
            let query = "cacertfile=\(certificates.authority)"
            let renamed = try await amqpError { _ = try await connect("127.0.0.2", query, port: elsewhere.port) }
            #expect(renamed.code == .connectFailed)
            let named = try await connect(
                "127.0.0.2", query + "&server_name_indication=localhost", port: elsewhere.port)
            #expect(named.isOpen)
            await elsewhere.stop()
            let missing = try await amqpError { _ = try await connect("localhost", "cacertfile=/no/such/file") }
            #expect(missing.code == .invalidArgument)
            await relay.stop()
        }
    }
}
