import Discord
import NIOCore
import Testing

@testable import Worker

@Suite("Events of a message")
struct WorkerEventTests {
    @Test func `Lines become events in order, and d stays as it was sent`() throws {
        let body = """
            {"s":1,"t":"MESSAGE_CREATE","g":"81384788765712384","at":1700000000123,"d":{"a": "x\\",\\"d\\":" }}
            {"s":2,"t":"READY","g":null,"at":5,"d":{}}

            """
        let events = try WorkerEvent.events(in: ByteBuffer(string: body))
        #expect(events.map(\.sequence) == [1, 2])
        #expect(events.map(\.name) == [.messageCreate, .ready])
        #expect(events.map(\.guildID) == [Snowflake(rawValue: 81_384_788_765_712_384), nil])
        #expect(events.map(\.receivedAt) == [1_700_000_000_123, 5])
        #expect(String(buffer: events[0].payload) == #"{"a": "x\",\"d\":" }"#)
        #expect(String(buffer: events[1].payload) == "{}")
    }

    @Test func `The old state may hold anything`() throws {
        let old = #"{"d":1,"name":"x,\"d\":","a":{"b":[],"d":{}}}"#
        let line = #"{"s":1,"t":"CHANNEL_UPDATE","g":"7","at":5,"old":\#(old),"d":{"id":"1","old":2}}"#
        let event = try #require(try WorkerEvent.events(in: ByteBuffer(string: line)).first)
        #expect(event.old.map { String(buffer: $0) } == old)
        #expect(String(buffer: event.payload) == #"{"id":"1","old":2}"#)
        #expect(event.guildID == 7 && event.sequence == 1)
        // A message may have words like these in it.
        let plain = #"{"s":1,"t":"X","at":5,"d":{"a":1,"old":2,"d":3}}"#
        let other = try #require(try WorkerEvent.events(in: ByteBuffer(string: plain)).first)
        #expect(other.old == nil)
        #expect(String(buffer: other.payload) == #"{"a":1,"old":2,"d":3}"#)
    }

    @Test(arguments: [#"{"s":1,"t":"X","at":1,"old":{,"d":{}}"#, #"{"s":1,"t":"X","at":1,"old":{"a":1,"d":{}}}"#])
    func `A line whose old state is broken is refused`(line: String) {
        #expect(throws: WorkerEvent.Malformed.self) { try WorkerEvent.events(in: ByteBuffer(string: line)) }
    }

    @Test func `An event without a guild is read`() throws {
        let events = try WorkerEvent.events(in: ByteBuffer(string: #"{"s":1,"t":"READY","at":5,"d":{}}"#))
        #expect(events[0].guildID == nil)
    }

    @Test(arguments: [
        "nonsense", "{}", #"{"s":1,"t":"X","at":1}"#, #"{"s":"x","t":"X","at":1,"d":{}}"#, #","d":}"#, "}",
    ])
    func `A line that is not an event is refused`(line: String) {
        #expect(throws: WorkerEvent.Malformed.self) { try WorkerEvent.events(in: ByteBuffer(string: line)) }
    }

    @Test func `Many tasks read at once, each its own`() async throws {
        struct Payload: Decodable { let channelId: Snowflake }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for index in 0..<200 {
                        let id = task * 1000 + index
                        let line = #"{"s":\#(id),"t":"MESSAGE_CREATE","g":"\#(id)","at":5,"d":{"channel_id":"\#(id)"}}"#
                        let event = try #require(try WorkerEvent.events(in: ByteBuffer(string: line)).first)
                        #expect(event.sequence == Int64(id) && event.guildID?.rawValue == UInt64(id))
                        #expect(try event.decode(Payload.self).channelId.rawValue == UInt64(id))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test func `No lines are no events`() throws {
        #expect(try WorkerEvent.events(in: ByteBuffer()).isEmpty)
    }

    @Test(arguments: [(1_000, 400, 600), (1_000, 1_400, 0), (0, Int64.min, nil), (0, Int64.max, 0)])
    func `The age is never below zero, whatever a shard's clock says`(now: Int64, at: Int64, age: Int64?) throws {
        let line = #"{"s":1,"t":"READY","at":\#(at),"d":{}}"#
        let event = try #require(try WorkerEvent.events(in: ByteBuffer(string: line)).first)
        if let age {
            #expect(event.age(at: now) == .milliseconds(age))
        } else {
            #expect(event.age(at: now) > .seconds(1 << 50))
        }
    }
}
