import AMQP
import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import LocalStack

/// What the broker's users may do, as the broker itself says.
@Suite("Broker permissions", .timeLimit(.minutes(3)))
struct BrokerPermissionTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private static func connect(_ url: String) async throws -> AMQPConnection {
        try await AMQPConnection.connect(
            AMQPConfiguration(url: url), on: MultiThreadedEventLoopGroup.singleton.next(), logger: self.logger)
    }

    private static func message(_ exchange: String, _ key: String = "lane.0") -> AMQPMessage {
        AMQPMessage(exchange: exchange, routingKey: key, body: ByteBuffer(string: "x"))
    }

    /// Each attempt on a channel of its own: a refusal ends it.
    private static func attempt(
        _ connection: AMQPConnection, _ body: (AMQPChannel) async throws -> Void
    ) async throws -> UInt16? {
        let channel = try await connection.openChannel()
        do {
            try await body(channel)
            await channel.close()
            return nil
        } catch let error as AMQPError {
            return error.replyCode ?? 0
        }
    }

    private static func expectRefused(
        _ connection: AMQPConnection, _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: (AMQPChannel) async throws -> Void
    ) async throws {
        #expect(try await self.attempt(connection, body) == 403, what, sourceLocation: sourceLocation)
    }

    private static func expectAllowed(
        _ connection: AMQPConnection, _ what: Comment, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: (AMQPChannel) async throws -> Void
    ) async throws {
        #expect(try await self.attempt(connection, body) == nil, what, sourceLocation: sourceLocation)
    }

    @Test func `Shards and workers do their work, and nothing else`() async throws {
        let directory = try TemporaryDirectory("permissions")
        try await withStores(directory: directory.path) { addresses in
            let administrator = try await Self.connect(addresses.amqpAdministrator)
            let channel = try await administrator.openChannel()
            for exchange in ["gw.events", "gw.dead", "gw.control", "gw.replies"] {
                try await channel.declareExchange(exchange, kind: .direct)
            }
            try await channel.declareExchange("gw.m.shard-0.1", kind: .fanout)
            try await channel.bindExchange("gw.events", to: "gw.m.shard-0.1")
            for queue in ["gw.c.shard-0.1", "lane.0"] { try await channel.declareQueue(queue) }
            try await channel.bindQueue("lane.0", to: "gw.events", routingKey: "lane.0")

            let shard = try await Self.connect(addresses.amqpShard)
            try await Self.expectAllowed(shard, "publish") {
                try await $0.publishConfirmed(Self.message("gw.m.shard-0.1"))
            }
            try await Self.expectAllowed(shard, "answer") {
                try await $0.publishConfirmed(Self.message("gw.replies", "gw.r.x"))
            }
            try await Self.expectAllowed(shard, "bind, consume and unbind its own queue") {
                try await $0.bindQueue("gw.c.shard-0.1", to: "gw.control", routingKey: "10.1.0")
                try await $0.consume("gw.c.shard-0.1", noAck: true) { _ in }
                try await $0.unbindQueue("gw.c.shard-0.1", from: "gw.control", routingKey: "10.1.0")
            }
            for exchange in ["", "gw.events", "gw.dead", "gw.control", "amq.direct"] {
                try await Self.expectRefused(shard, "publish to '\(exchange)'") {
                    try await $0.publishConfirmed(Self.message(exchange))
                }
            }
            try await Self.expectRefused(shard, "declare an exchange") {
                try await $0.declareExchange("gw.m.shard-0.2", kind: .fanout)
            }
            try await Self.expectRefused(shard, "declare a queue") { try await $0.declareQueue("gw.c.shard-0.2") }
            try await Self.expectRefused(shard, "delete its exchange") { try await $0.deleteExchange("gw.m.shard-0.1") }
            try await Self.expectRefused(shard, "delete its queue") { try await $0.deleteQueue("gw.c.shard-0.1") }
            try await Self.expectRefused(shard, "read a lane") { try await $0.consume("lane.0") { _ in } }
            try await Self.expectRefused(shard, "bind a lane to what it may write to") {
                try await $0.bindQueue("lane.0", to: "gw.replies", routingKey: "x")
            }
            try await Self.expectRefused(shard, "bind the lanes' exchange to what it may write to") {
                try await $0.bindExchange("gw.events", to: "gw.replies", routingKey: "lane.0")
            }
            try await Self.expectRefused(shard, "hear others' answers") {
                try await $0.bindQueue("gw.c.shard-0.1", to: "gw.replies", routingKey: "gw.r.x")
            }

            let worker = try await Self.connect(addresses.amqpWorker)
            try await Self.expectAllowed(worker, "a reply queue of its own") {
                try await $0.declareQueue("gw.r.x", durable: false, exclusive: true)
                try await $0.bindQueue("gw.r.x", to: "gw.replies", routingKey: "gw.r.x")
                try await $0.consume("gw.r.x", noAck: true) { _ in }
            }
            for exchange in ["gw.control", "gw.dead"] {
                try await Self.expectAllowed(worker, "publish to \(exchange)") {
                    try await $0.publishConfirmed(Self.message(exchange))
                }
            }
            try await Self.expectAllowed(worker, "read a lane") { try await $0.consume("lane.0") { _ in } }
            for exchange in ["", "gw.events", "gw.m.shard-0.1", "gw.replies"] {
                try await Self.expectRefused(worker, "publish to '\(exchange)'") {
                    try await $0.publishConfirmed(Self.message(exchange))
                }
            }
            try await Self.expectRefused(worker, "declare a lane") { try await $0.declareQueue("lane.1") }
            try await Self.expectRefused(worker, "read a shard's commands") {
                try await $0.consume("gw.c.shard-0.1") { _ in }
            }
            for connection in [administrator, shard, worker] { await connection.close() }
        }
    }
}
