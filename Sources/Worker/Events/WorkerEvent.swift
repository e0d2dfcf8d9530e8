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
    /// What the guild cache had before the event, where the publish plan asks for it.
    var old: ByteBuffer?
    /// Whose event it is.
    var application: Snowflake?

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
        if let old = line[..<mark.lowerBound].firstRange(of: Self.oldMark) {
            return try self.event(in: line, withOld: old)
        }
        return try self.event(
            head: line[..<mark.lowerBound], payload: line[mark.upperBound..<line.index(before: line.endIndex)])
    }

    /// The old state may hold anything: its end is found by walking over it.
    private static func event(
        in line: ByteBufferView, withOld mark: Range<ByteBufferView.Index>
    ) throws(Malformed) -> WorkerEvent {
        let ranges: (old: Range<Int>?, data: Range<Int>?)
        do {
            ranges = try line.withUnsafeBytes { bytes in
                let object = try JSONSlice(bytes)
                return (try object.member("old")?.range, try object.member("d")?.range)
            }
        } catch {
            throw Malformed(description: "an event's line is no JSON: \(error)")
        }
        guard let old = ranges.old, let data = ranges.data else {
            throw Malformed(description: "an event's line has no d")
        }
        func view(_ range: Range<Int>) -> ByteBufferView {
            line[(line.startIndex + range.lowerBound)..<(line.startIndex + range.upperBound)]
        }
        var event = try self.event(head: line[..<mark.lowerBound], payload: view(data))
        event.old = ByteBuffer(view(old))
        return event
    }

    private static func event(head: ByteBufferView, payload: ByteBufferView) throws(Malformed) -> WorkerEvent {
        var head = ByteBuffer(head)
        head.writeInteger(UInt8(ascii: "}"))
        do {
            let decoded = try Self.headDecoder.decode(Head.self, from: head)
            return WorkerEvent(
                sequence: decoded.s, name: EventName(rawValue: decoded.t), guildID: decoded.g, receivedAt: decoded.at,
                payload: ByteBuffer(payload))
        } catch {
            throw Malformed(description: "an event's head can't be read: \(error)")
        }
    }

    /// - Parameter now: milliseconds since 1970.
    /// - Returns: how long ago the shard read it; zero when that is ahead, by a clock that runs differently.
    func age(at now: Int64) -> Duration { max(.zero, .milliseconds(now) - .milliseconds(self.receivedAt)) }

    private static let mark = Array(",\"d\":".utf8)
    private static let oldMark = Array(",\"old\":".utf8)

    // Made once: lanes handle thousands of events a second. Nothing changes them later, so all tasks share them.
    private static let headDecoder = JSONDecoder()
    private static let payloadDecoder = {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }()

    func decode<Payload: Decodable>(_ type: Payload.Type) throws -> Payload {
        try Self.payloadDecoder.decode(type, from: self.payload)
    }
}
