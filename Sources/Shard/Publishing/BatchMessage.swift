import AMQP
import ClusterAPI
import Discord
import NIOCore

/// Makes RabbitMQ's messages of a slot's batches (docs/protocol.md). What all of a session's have in common is encoded
/// once.
struct BatchMessage: Sendable {
    static let version: Int64 = 1
    static let contentType = "application/x-ndjson"

    private let common: AMQPEncodedHeaders
    private var ofSession: (index: Int, headers: AMQPEncodedHeaders)?

    init(_ grant: SlotGrant) {
        var headers = AMQPEncodedHeaders()
        headers.append("v", Self.version)
        headers.append("application", grant.slot.application.description)
        headers.append("generation", Int64(grant.slot.generation))
        headers.append("shard", Int64(grant.slot.shard))
        headers.append("num_shards", Int64(grant.numShards))
        headers.append("epoch", grant.epoch)
        self.common = headers
    }

    mutating func message(
        _ batch: EventBatch, exchange: String, random: inout some RandomNumberGenerator
    ) -> AMQPMessage {
        var headers = self.headers(of: batch.session)
        headers.append("first_s", batch.firstSequence)
        headers.append("last_s", batch.lastSequence)
        headers.append("count", Int64(batch.count))
        headers.append("traceparent", bytes: 55) { Self.writeTraceparent(into: &$0, &random) }
        return AMQPMessage(
            exchange: exchange,
            routingKey: batch.route.routingKey,
            properties: AMQPProperties(
                contentType: Self.contentType, encodedHeaders: headers, deliveryMode: .persistent),
            body: batch.body,
            mandatory: true
        )
    }

    private mutating func headers(of session: EventBatch.SessionTrack) -> AMQPEncodedHeaders {
        if let ofSession, ofSession.index == session.index { return ofSession.headers }
        var headers = self.common
        headers.append("session", session.id)
        self.ofSession = (session.index, headers)
        return headers
    }

    /// W3C Trace Context, level 1: a trace begins here, and is sampled.
    static func writeTraceparent(into buffer: inout ByteBuffer, _ random: inout some RandomNumberGenerator) {
        buffer.writeStaticString("00-")
        // All zeros are not an id.
        Self.writeHex(random.next() | 1, into: &buffer)
        Self.writeHex(random.next(), into: &buffer)
        buffer.writeStaticString("-")
        Self.writeHex(random.next() | 1, into: &buffer)
        buffer.writeStaticString("-01")
    }

    private static func writeHex(_ value: UInt64, into buffer: inout ByteBuffer) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift)) & 0xF
            buffer.writeInteger(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }
}
