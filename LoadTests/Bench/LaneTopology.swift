import AMQP
import Logging
import NIOCore
import NIOPosix

/// A broker's exchanges and lanes as the coordinator declares them, under names of their own.
struct LaneTopology {
    static let lanes = 32
    static let memberExchange = "flotilla_bench.m"
    private static let events = "flotilla_bench.events"

    static func queue(_ lane: Int) -> String { "flotilla_bench.lane.\(lane)" }

    let connection: AMQPConnection
    let channel: AMQPChannel

    init(url: String, group: any EventLoopGroup) async throws {
        self.connection = try await AMQPConnection.connect(
            AMQPConfiguration(url: url), on: group.next(), logger: Logger(label: "bench.topology"))
        self.channel = try await self.connection.openChannel()
        try await self.delete()
        try await self.channel.declareExchange(Self.events, kind: .direct)
        try await self.channel.declareExchange(Self.memberExchange, kind: .fanout)
        try await self.channel.bindExchange(Self.events, to: Self.memberExchange)
        for lane in 0..<Self.lanes {
            try await self.channel.declareQueue(
                Self.queue(lane),
                arguments: [
                    "x-queue-type": "quorum", "x-single-active-consumer": true, "x-delivery-limit": 20,
                    "x-max-length-bytes": 1_073_741_824, "x-overflow": "reject-publish",
                ])
            try await self.channel.bindQueue(Self.queue(lane), to: Self.events, routingKey: "lane.\(lane)")
        }
    }

    private func delete() async throws {
        for lane in 0..<Self.lanes { try await self.channel.deleteQueue(Self.queue(lane)) }
        try await self.channel.deleteExchange(Self.memberExchange)
        try await self.channel.deleteExchange(Self.events)
    }

    func close() async throws {
        try await self.delete()
        await self.connection.close()
    }
}
