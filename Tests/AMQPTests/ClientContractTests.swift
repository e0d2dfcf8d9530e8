import AMQP
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct ClientContractTests {
    @Test func `The client comes back after cuts, prepares each connection and stops cleanly`() async throws {
        try await BrokerUnderTest.run { broker in
            let relay = try await broker.proxy()
            var configuration = broker.configuration
            configuration.host = "127.0.0.1"
            configuration.port = relay.port
            let queue = broker.queue()
            let prepared = Mutex(0)
            let losses = Mutex<[AMQPError?]>([])
            let client = AMQPClient(
                configuration: configuration,
                eventLoop: broker.eventLoop,
                backoff: AMQPBackoff(base: .milliseconds(10), cap: .milliseconds(50)),
                logger: broker.logger,
                onConnection: { connection in
                    let channel = try await connection.openChannel()
                    try await channel.declareQueue(queue)
                    await channel.close()
                    prepared.withLock { $0 += 1 }
                },
                onLoss: { error in losses.withLock { $0.append(error) } }
            )
            #expect(client.connection == nil)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.run() }
                for round in 1...3 {
                    let connection = try await client.connection(within: .seconds(20))
                    try await connection.openChannel().publishConfirmed(
                        AMQPMessage(
                            exchange: "", routingKey: queue, body: ByteBuffer(string: "\(round)"), mandatory: true))
                    relay.apply(.finish)
                    _ = await connection.waitUntilClosed()
                    try await eventually("the loss") { losses.withLock { $0.count } == round }
                }
                let last = try await client.connection(within: .seconds(20))
                #expect(prepared.withLock { $0 } == 4)
                group.cancelAll()
                try await group.waitForAll()
                #expect(!last.isOpen)
            }
            #expect(client.connection == nil)
            #expect(losses.withLock { $0.prefix(3).allSatisfy { $0?.code == .connectionClosed } })
            #expect(losses.withLock { $0.count == 4 && $0[3] == nil })
            let error = try await amqpError { _ = try await client.connection(within: .seconds(1)) }
            #expect(error.code == .connectionClosed)
            await relay.stop()
        }
    }

    @Test func `A broker that is down is tried again with backoff, and waiting for it has a deadline`() async throws {
        try await BrokerUnderTest.run { broker in
            var configuration = broker.configuration
            configuration.host = "127.0.0.1"
            configuration.port = try quietPort()
            let client = AMQPClient(
                configuration: configuration,
                eventLoop: broker.eventLoop,
                backoff: AMQPBackoff(base: .milliseconds(5), cap: .milliseconds(20)),
                logger: broker.logger
            )
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await client.run() }
                try await eventually("a first failure") { client.lastError?.code == .connectFailed }
                let error = try await amqpError { _ = try await client.connection(within: .milliseconds(200)) }
                #expect(error.code == .timedOut)
                #expect((error.underlying as? AMQPError)?.code == .connectFailed)
                group.cancelAll()
                try await group.waitForAll()
            }
        }
    }
}
