import AMQP
import ClusterAPI
import ControlAPI
import CoordinatorCore
import Logging
import Synchronization

/// Exchanges and queues of the data path and of commands to slots (docs/protocol.md). Only the coordinator may declare
/// or delete them.
final class BrokerTopology: Sendable {
    struct NotConnected: Error, CustomStringConvertible {
        let description = "the broker can't be reached"
    }

    static let events = "gw.events"
    static let deadLetters = "gw.dead"
    static let commands = "commands"
    static let tap = "gw.tap"
    /// What one lane may hold while nobody reads it. Then the broker refuses, and shards keep their events and stop
    /// reading.
    static let mostLaneBytes: Int64 = 1 << 30

    /// Commands that wait for one member. Beyond that the broker refuses them.
    static let mostWaitingCommands: Int64 = 1_000
    /// Without a reader for so long, a member's queue of commands is nobody's any more.
    static let unusedQueueLifetime: Int64 = 24 * 3_600 * 1_000

    private let names: ControlNames
    private let lanes: Int
    private let logger: Logger
    private let connection = Mutex<AMQPConnection?>(nil)

    init(lanes: Int, names: ControlNames = ControlNames(), logger: Logger) {
        self.lanes = lanes
        self.names = names
        self.logger = logger
    }

    var isReady: Bool { self.connection.withLock { $0?.isOpen ?? false } }

    /// Declares everything that does not depend on members. Safe to repeat.
    func connected(_ connection: AMQPConnection) async throws {
        let channel = try await connection.openChannel()
        try await channel.declareExchange(Self.events, kind: .direct)
        try await channel.declareExchange(Self.deadLetters, kind: .direct)
        try await channel.declareExchange(self.names.requests, kind: .direct)
        try await channel.declareExchange(self.names.replies, kind: .direct)
        // Full, it refuses too: nothing is forgotten that nobody has looked at.
        try await self.declareQueue(
            channel, "parking", deadLetterKey: nil,
            arguments: ["x-max-length-bytes": .int64(Self.mostLaneBytes), "x-overflow": .string("reject-publish")])
        try await channel.bindQueue("parking", to: Self.deadLetters, routingKey: "parking")
        for lane in 0..<self.lanes {
            let arguments: AMQPTable = [
                "x-single-active-consumer": .bool(true), "x-delivery-limit": .int64(20),
                "x-max-length-bytes": .int64(Self.mostLaneBytes), "x-overflow": .string("reject-publish"),
            ]
            try await self.declareQueue(channel, "lane.\(lane)", deadLetterKey: "parking", arguments: arguments)
            try await channel.bindQueue("lane.\(lane)", to: Self.events, routingKey: "lane.\(lane)")
        }
        try await self.declareQueue(
            channel, "commands.expired", deadLetterKey: nil, arguments: ["x-max-length": .int64(10_000)])
        try await channel.bindQueue("commands.expired", to: Self.deadLetters, routingKey: "commands.expired")
        // An interaction has to be answered within 3 s: one that waited 2.5 s is lost time for everybody behind it.
        try await self.declareQueue(
            channel, Self.commands, deadLetterKey: "commands.expired", arguments: ["x-message-ttl": .int64(2500)])
        try await channel.bindQueue(Self.commands, to: Self.events, routingKey: Self.commands)
        try await channel.declareQueue(
            Self.tap,
            arguments: [
                "x-queue-type": .string("stream"), "x-max-age": .string("1h"), "x-max-length-bytes": .int64(1 << 30),
            ])
        for key in (0..<self.lanes).map({ "lane.\($0)" }) + [Self.commands] {
            try await channel.bindQueue(Self.tap, to: Self.events, routingKey: key)
        }
        await channel.close()
        self.connection.withLock { $0 = connection }
        self.logger.info("the broker's exchanges and queues stand", metadata: ["lanes": "\(self.lanes)"])
    }

    func disconnected() { self.connection.withLock { $0 = nil } }

    /// Makes the one exchange that this life of a shard member may publish to, and the queue that it takes commands
    /// from. The member itself binds the queue for the slots it runs.
    func admit(_ owner: ClusterState.Owner) async throws {
        try await self.withChannel { channel in
            try await channel.declareExchange(owner.exchange, kind: .fanout)
            try await channel.bindExchange(Self.events, to: owner.exchange)
            _ = try await channel.declareQueue(
                owner.controlQueue,
                arguments: [
                    "x-queue-type": .string("classic"), "x-expires": .int64(Self.unusedQueueLifetime),
                    "x-message-ttl": .int64(Int64(ControlRequest.longestQueued / .milliseconds(1))),
                    "x-max-length": .int64(Self.mostWaitingCommands), "x-overflow": .string("reject-publish"),
                ])
        }
    }

    /// Cuts a life off: after this nothing that it publishes can enter a queue.
    ///
    /// The exchange is deleted, never unbound: a publish that no binding takes is confirmed, and gone.
    func fence(_ owner: ClusterState.Owner) async throws {
        try await self.withChannel { try await $0.deleteExchange(owner.exchange) }
        do {
            // Nobody is to wait for a process that has lost its slots.
            try await self.withChannel { _ = try await $0.deleteQueue(owner.controlQueue) }
        } catch {
            // It is cut off all the same, and the queue goes by itself in its time.
            self.logger.warning(
                "can't delete a queue of commands",
                metadata: ["broker.queue": "\(owner.controlQueue)", "error": "\(error)"])
        }
    }

    /// A channel for each piece of work: an error of one closes its channel, and must not reach the next.
    private func withChannel(_ body: (AMQPChannel) async throws -> Void) async throws {
        guard let connection = self.connection.withLock({ $0 }), connection.isOpen else { throw NotConnected() }
        let channel = try await connection.openChannel()
        do {
            try await body(channel)
        } catch {
            await channel.close()
            throw error
        }
        await channel.close()
    }

    private func declareQueue(
        _ channel: AMQPChannel,
        _ name: String,
        deadLetterKey: String?,
        arguments: AMQPTable
    ) async throws {
        var arguments = arguments
        arguments["x-queue-type"] = .string("quorum")
        if let deadLetterKey {
            arguments["x-dead-letter-exchange"] = .string(Self.deadLetters)
            arguments["x-dead-letter-routing-key"] = .string(deadLetterKey)
        }
        _ = try await channel.declareQueue(name, arguments: arguments)
    }
}

extension ClusterState.Owner {
    var exchange: String { MemberRegistered.exchange(member: self.member, incarnation: self.incarnation) }
    var controlQueue: String { MemberRegistered.controlQueue(member: self.member, incarnation: self.incarnation) }
}
