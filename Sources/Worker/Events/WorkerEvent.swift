import Discord
import Foundation
import NIOCore
import NIOFoundationCompat

/// One gateway event as it came off a queue: one line of a message's body (docs/protocol.md).
struct WorkerEvent: Sendable, Equatable {
    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    let sequence: Int64
    let name: EventName
    let guildID: Snowflake?
    /// When the shard read it, milliseconds since 1970.
    let receivedAt: Int64
    /// `d`, as Discord sent it.
    let payload: ByteBuffer

    private struct Head: Decodable {
        let s: Int64
        let t: String
        let g: Snowflake?
        let at: Int64
    }

    /// Every event of a message, in order.
    static func events(in body: ByteBuffer) throws(Malformed) -> [WorkerEvent] {
        var events: [WorkerEvent] = []
        for line in body.readableBytesView.split(separator: UInt8(ascii: "\n")) {
            events.append(try self.event(in: line))
        }
        return events
    }

    /// `d` comes last, so the head ends where `,"d":` first stands: no value before it can hold a quote.
    private static func event(in line: ByteBufferView) throws(Malformed) -> WorkerEvent {
        guard line.last == UInt8(ascii: "}"), let mark = line.firstRange(of: Self.mark) else {
            throw Malformed(description: "an event's line does not end with its d")
        }
        var head = ByteBuffer(line[..<mark.lowerBound])
        head.writeInteger(UInt8(ascii: "}"))
        do {
            let decoded = try JSONDecoder().decode(Head.self, from: head)
            return WorkerEvent(
                sequence: decoded.s, name: EventName(rawValue: decoded.t), guildID: decoded.g, receivedAt: decoded.at,
                payload: ByteBuffer(line[mark.upperBound..<line.index(before: line.endIndex)]))
        } catch {
            throw Malformed(description: "an event's head can't be read: \(error)")
        }
    }

    private static let mark = Array(",\"d\":".utf8)

    func decode<Payload: Decodable>(_ type: Payload.Type) throws -> Payload {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: self.payload)
    }
}
