import AMQP
import ClusterAPI
import Discord
import Foundation

/// A batch as RabbitMQ gets it (docs/protocol.md).
struct BatchMessage: Sendable {
    static let version: Int64 = 1
    static let contentType = "application/x-ndjson"

    private let slot: Slot
    private let numShards: Int
    private let epoch: Int64

    init(_ grant: SlotGrant) {
        self.slot = grant.slot
        self.numShards = grant.numShards
        self.epoch = grant.epoch
    }

    func message(_ batch: EventBatch, exchange: String, random: inout some RandomNumberGenerator) -> AMQPMessage {
        let headers: AMQPTable = [
            "v": .int64(Self.version),
            "application": .string(self.slot.application.description),
            "generation": .int64(Int64(self.slot.generation)),
            "shard": .int64(Int64(self.slot.shard)),
            "num_shards": .int64(Int64(self.numShards)),
            "session": .string(batch.session.id),
            "epoch": .int64(self.epoch),
            "first_s": .int64(batch.firstSequence),
            "last_s": .int64(batch.lastSequence),
            "count": .int64(Int64(batch.count)),
            "traceparent": .string(Self.traceparent(&random)),
        ]
        return AMQPMessage(
            exchange: exchange,
            routingKey: batch.route.routingKey,
            properties: AMQPProperties(contentType: Self.contentType, headers: headers, deliveryMode: .persistent),
            body: batch.body,
            mandatory: true
        )
    }

    /// W3C Trace Context, level 1: a trace begins here, and is sampled.
    static func traceparent(_ random: inout some RandomNumberGenerator) -> String {
        // All zeros are not an id.
        let trace = Self.hex(random.next() | 1) + Self.hex(random.next())
        return "00-\(trace)-\(Self.hex(random.next() | 1))-01"
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
