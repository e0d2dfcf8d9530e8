import AMQP
import ClusterAPI
import ControlAPI
import Discord
import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Worker

/// The client of commands, with a shard that the test plays, on the real broker.
@Suite("Commands to shards, on RabbitMQ", .timeLimit(.minutes(1)))
struct ShardControlTests {
    static let slot = Slot(application: 10, generation: 1, shard: 0)

    /// A member's queue, bound for the slot, and what the test answers to its commands.
    final class ScriptedShard: Sendable {
        typealias Answers = @Sendable (ControlRequest) -> [ControlAnswer]

        let names: ControlNames
        private let queue: String
        private let connection: AMQPConnection
        private let channel: AMQPChannel
        private let commands = Mutex<[ControlCommand]>([])

        var received: [ControlCommand] { self.commands.withLock { $0 } }

        init(_ arguments: AMQPTable = [:]) async throws {
            let name = "worker-test.\(UUID().uuidString.prefix(8))"
            var names = ControlNames()
            names.requests = "\(name).control"
            names.replies = "\(name).replies"
            names.replyQueuePrefix = "\(name).r."
            self.names = names
            self.queue = "\(name).c"
            self.connection = try await AMQPConnection.connect(
                AMQPConfiguration(url: TestEnvironment.amqpURL), on: MultiThreadedEventLoopGroup.singleton.next(),
                logger: Logger(label: "shard"))
            self.channel = try await self.connection.openChannel()
            for exchange in [names.requests, names.replies] {
                try await self.channel.declareExchange(exchange, kind: .direct, durable: false)
            }
            try await self.channel.declareQueue(self.queue, durable: false, exclusive: true, arguments: arguments)
        }

        func bind() async throws {
            try await self.channel.bindQueue(
                self.queue, to: self.names.requests, routingKey: ControlNames.routingKey(of: slot))
        }

        func answer(_ answers: @escaping Answers) async throws {
            try await self.channel.consume(self.queue, noAck: true) { delivery in
                guard let request = try? ControlRequest(decoding: delivery.body) else { return }
                self.commands.withLock { $0.append(request.command) }
                for answer in answers(request) {
                    guard let body = try? answer.encoded(), let replyTo = delivery.properties.replyTo else { continue }
                    _ = try? self.channel.publish([
                        AMQPMessage(
                            exchange: self.names.replies, routingKey: replyTo,
                            properties: AMQPProperties(
                                correlationID: delivery.properties.correlationID, type: answer.type), body: body)
                    ])
                }
            }
        }

        func close() async {
            for exchange in [self.names.requests, self.names.replies] {
                try? await self.channel.deleteExchange(exchange)
            }
            await self.connection.close()
        }
    }

    private func run(
        _ arguments: AMQPTable = [:], through proxy: FaultProxy? = nil,
        _ body: (ShardControl, ScriptedShard) async throws -> Void
    ) async throws {
        let shard = try await ScriptedShard(arguments)
        var configuration = try AMQPConfiguration(url: TestEnvironment.amqpURL)
        if let proxy { (configuration.host, configuration.port) = ("127.0.0.1", proxy.port) }
        let control = ShardControl(
            configuration: configuration, names: shard.names,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "control", factory: { _ in SwiftLogNoOpLogHandler() }))
        let outcome: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await control.run() }
                try await eventually("a connection") { control.isConnected }
                try await body(control, shard)
                group.cancelAll()
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        await shard.close()
        try outcome.get()
    }

    @Test func `A command that is done returns, and one that is refused says why`() async throws {
        try await self.run { control, shard in
            try await shard.bind()
            try await shard.answer { request in
                if case .presence = request.command { return [.ok] }
                return [.error(ControlProblem(.rateLimited, "wait", retryAfterMilliseconds: 700))]
            }
            let presence = ControlCommand.presence(PresenceUpdate(status: .idle))
            try await control.perform(presence, on: Self.slot)
            #expect(shard.received == [presence])
            let failure = try await #require(throws: ShardControl.Failure.self) {
                try await control.perform(.soundboardSounds(guilds: [1]), on: Self.slot)
            }
            #expect(failure.code == .rateLimited && failure.retryAfter == .milliseconds(700))
        }
    }

    @Test func `A slot that nobody is bound for is told at once`() async throws {
        try await self.run { control, _ in
            let failure = try await #require(throws: ShardControl.Failure.self) {
                try await control.perform(.soundboardSounds(guilds: [1]), on: Self.slot, within: .seconds(30))
            }
            #expect(failure.code == .notRunning)
        }
    }

    @Test func `Members come as Discord sent them, in order`() async throws {
        try await self.run { control, shard in
            try await shard.bind()
            try await shard.answer { request in
                (0..<3).reversed().map { index in
                    .chunk(
                        MembersChunk(
                            position: .init(part: 0, parts: 1, attempt: 1, index: index, count: 3),
                            payload: ByteBuffer(string: #"{"chunk_index":\#(index),"members":[]}"#)))
                } + [.ok]
            }
            struct Chunk: Decodable { let chunk_index: Int }
            let chunks = try await control.members(.all(of: 1), from: Self.slot)
            #expect(try chunks.map { try $0.decode(Chunk.self).chunk_index } == [0, 1, 2])
        }
    }

    @Test func `Silence ends with the deadline, and late answers have nobody waiting`() async throws {
        try await self.run { control, shard in
            try await shard.bind()
            let failure = try await #require(throws: ShardControl.Failure.self) {
                try await control.perform(.soundboardSounds(guilds: [1]), on: Self.slot, within: .milliseconds(100))
            }
            #expect(failure.code == .timedOut)
            try await shard.answer { _ in [.ok, .ok] }
            try await control.perform(.soundboardSounds(guilds: [2]), on: Self.slot)
            try await control.perform(.soundboardSounds(guilds: [3]), on: Self.slot)
        }
    }

    @Test func `A queue that is full refuses`() async throws {
        try await self.run(["x-max-length": 1, "x-overflow": "reject-publish"]) { control, shard in
            try await shard.bind()
            let outcomes = try await withThrowingTaskGroup(of: ShardControl.Failure.Code?.self) { group in
                for _ in 0..<8 {
                    group.addTask {
                        do throws(ShardControl.Failure) {
                            try await control.perform(
                                .soundboardSounds(guilds: [1]), on: Self.slot, within: .seconds(20))
                            return nil
                        } catch {
                            return error.code
                        }
                    }
                }
                var outcomes: [ShardControl.Failure.Code?] = []
                while let outcome = try await group.next() {
                    outcomes.append(outcome)
                    // Nobody reads the queue until one is refused; what it took is answered then.
                    if outcomes.count == 1 { try await shard.answer { _ in [.ok] } }
                }
                return outcomes
            }
            #expect(outcomes.first == .busy && outcomes.allSatisfy { $0 == .busy || $0 == nil }, "\(outcomes)")
        }
    }

    @Test func `A caller that gives up is let go`() async throws {
        try await self.run { control, shard in
            try await shard.bind()
            let task = Task { () -> ShardControl.Failure.Code? in
                do throws(ShardControl.Failure) {
                    try await control.perform(.soundboardSounds(guilds: [1]), on: Self.slot, within: .seconds(300))
                    return nil
                } catch {
                    return error.code
                }
            }
            task.cancel()
            #expect(await task.value == .cancelled)
        }
    }

    @Test func `A caller that gives up is let go while the broker says nothing`() async throws {
        let broker = try AMQPConfiguration(url: TestEnvironment.amqpURL)
        let proxy = FaultProxy(to: broker.host, port: broker.port)
        try await proxy.start()
        try await self.run(through: proxy) { control, shard in
            try await shard.bind()
            try await shard.answer { _ in [] }
            proxy.apply(.silence)
            let task = Task { () -> ShardControl.Failure.Code? in
                do throws(ShardControl.Failure) {
                    try await control.perform(.soundboardSounds(guilds: [1]), on: Self.slot, within: .seconds(300))
                    return nil
                } catch {
                    return error.code
                }
            }
            // It has left, and its confirm does not come.
            try await eventually("the command at the shard") { shard.received.count == 1 }
            task.cancel()
            #expect(await task.value == .cancelled)
            // Nobody waits for the broker's word about the end either.
            proxy.cut()
        }
        await proxy.stop()
    }

    @Test func `A caller that gave up before sends nothing`() async throws {
        try await self.run { control, shard in
            try await shard.bind()
            try await shard.answer { _ in [.ok] }
            let task = Task { () -> ShardControl.Failure.Code? in
                withUnsafeCurrentTask { $0?.cancel() }
                do throws(ShardControl.Failure) {
                    try await control.perform(.soundboardSounds(guilds: [1]), on: Self.slot)
                    return nil
                } catch {
                    return error.code
                }
            }
            #expect(await task.value == .cancelled)
            try await control.perform(.soundboardSounds(guilds: [2]), on: Self.slot)
            #expect(shard.received == [.soundboardSounds(guilds: [2])])
        }
    }

    @Test func `Without a broker it says so at once`() async throws {
        let control = ShardControl(
            configuration: AMQPConfiguration(host: "127.0.0.1", port: 1, user: "u", password: "p"),
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "control", factory: { _ in SwiftLogNoOpLogHandler() }))
        let failure = try await #require(throws: ShardControl.Failure.self) {
            try await control.perform(.soundboardSounds(guilds: [1]), on: Self.slot)
        }
        #expect(failure.code == .unavailable)
    }
}
