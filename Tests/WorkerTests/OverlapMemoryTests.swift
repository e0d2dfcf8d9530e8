import Discord
import NIOCore
import Testing

@testable import Worker

@Suite("What two generations bring")
struct OverlapMemoryTests {
    private static let old = EventSource(generation: 1, session: "old")
    private static let new = EventSource(generation: 2, session: "new")

    /// Macros take no mutating calls.
    private final class Recall {
        var memory = OverlapMemory()

        func isRepeat(_ key: OverlapMemory.Key, sequence: Int64, from source: EventSource, at: Int64) -> Bool {
            self.memory.isRepeat(key, sequence: sequence, from: source, at: at)
        }
    }

    private static func key(_ content: Int, application: Snowflake? = 7) -> OverlapMemory.Key {
        OverlapMemory.Key(application: application, name: .messageCreate, hash: content)
    }

    /// Takes events in, each as its content, source, number and time; returns those that are no repeats.
    private static func taken(
        _ events: [(content: Int, source: EventSource, s: Int64, at: Int64)], into memory: Recall
    ) -> [Int] {
        events.filter { !memory.isRepeat(key($0.content), sequence: $0.s, from: $0.source, at: $0.at) }.map(\.content)
    }

    @Test func `Of an event that both publish the first copy is taken, whoever is ahead`() {
        let memory = Recall()
        let events =
            [
                (1, Self.old, 10, 0), (2, Self.old, 11, 1), (2, Self.new, 5, 2), (3, Self.new, 6, 3),
                (3, Self.old, 12, 4),
                (4, Self.new, 7, 5),
            ] as [(Int, EventSource, Int64, Int64)]
        #expect(
            Self.taken(events.map { (content: $0.0, source: $0.1, s: $0.2, at: $0.3) }, into: memory) == [1, 2, 3, 4])
    }

    @Test func `What is said again when the first is being forgotten is done again`() {
        let memory = Recall()
        let late = OverlapMemory.milliseconds + 100
        let isRepeat = [
            memory.isRepeat(Self.key(1), sequence: 1, from: Self.old, at: 0),
            memory.isRepeat(Self.key(1), sequence: 1, from: Self.new, at: 200),
            memory.isRepeat(Self.key(1), sequence: 2, from: Self.old, at: late),
            memory.isRepeat(Self.key(1), sequence: 2, from: Self.new, at: late + 200),
        ]
        #expect(isRepeat == [false, true, false, true])
    }

    @Test func `What is said twice is done twice`() {
        // A reaction that is given, taken back and given again: 1, 2, 1.
        let said = [1, 2, 1]
        for split in 0...3 {
            let memory = Recall()
            var taken: [Int] = []
            // The new one has said `split` of them when the old one begins, then all of the rest.
            let order =
                said.prefix(split).enumerated().map { ($0.element, Self.new, Int64($0.offset)) }
                + said.enumerated().map { ($0.element, Self.old, Int64($0.offset)) }
                + said.enumerated().dropFirst(split).map { ($0.element, Self.new, Int64($0.offset)) }
            for (at, event) in order.enumerated()
            where !memory.isRepeat(Self.key(event.0), sequence: event.2, from: event.1, at: Int64(at)) {
                taken.append(event.0)
            }
            #expect(taken == said, "split \(split)")
        }
        // Of one generation alone nothing is a repeat.
        let memory = Recall()
        #expect((0..<5).allSatisfy { !memory.isRepeat(Self.key(1), sequence: $0, from: Self.old, at: $0) })
    }

    @Test func `What comes after the overlap is no repeat of what was before it`() {
        let memory = Recall()
        #expect(!memory.isRepeat(Self.key(1), sequence: 1, from: Self.old, at: 0))
        let later = OverlapMemory.milliseconds + 1
        #expect(!memory.isRepeat(Self.key(1), sequence: 9, from: Self.new, at: later))
        // So late that its twin may be forgotten: at least once.
        #expect(!memory.isRepeat(Self.key(1), sequence: 1, from: Self.old, at: 0))
    }

    @Test func `A delivery that comes again is handled again, and counts once`() {
        let memory = Recall()
        #expect(!memory.isRepeat(Self.key(1), sequence: 1, from: Self.old, at: 0))
        #expect(!memory.isRepeat(Self.key(1), sequence: 1, from: Self.old, at: 0))
        #expect(memory.isRepeat(Self.key(1), sequence: 4, from: Self.new, at: 1))
        #expect(!memory.isRepeat(Self.key(1), sequence: 5, from: Self.new, at: 2))
    }

    @Test func `Applications and names are told apart, and memory has a bound`() {
        let memory = Recall()
        #expect(!memory.isRepeat(Self.key(1), sequence: 1, from: Self.old, at: 0))
        #expect(!memory.isRepeat(Self.key(1, application: 8), sequence: 1, from: Self.new, at: 0))
        let deleted = OverlapMemory.Key(application: 7, name: EventName(rawValue: "MESSAGE_DELETE"), hash: 1)
        #expect(!memory.isRepeat(deleted, sequence: 2, from: Self.new, at: 0))
        for content in 2...(OverlapMemory.mostEvents + 1) {
            _ = memory.isRepeat(Self.key(content), sequence: Int64(content), from: Self.old, at: 0)
        }
        #expect(!memory.isRepeat(Self.key(1), sequence: 9, from: Self.new, at: 0))
        #expect(memory.isRepeat(Self.key(OverlapMemory.mostEvents), sequence: 10, from: Self.new, at: 0))
    }

    @Test func `Lanes have their own memory, and the payload decides`() {
        func event(_ text: String, s: Int64) -> WorkerEvent {
            WorkerEvent(
                sequence: s, name: .messageCreate, guildID: 1, receivedAt: 5, payload: ByteBuffer(string: text),
                application: 7)
        }
        let overlaps = GenerationOverlaps()
        #expect(!overlaps.isRepeat(event(#"{"id":"1"}"#, s: 1), from: Self.old, lane: "lane.0"))
        #expect(!overlaps.isRepeat(event(#"{"id":"2"}"#, s: 1), from: Self.new, lane: "lane.0"))
        #expect(!overlaps.isRepeat(event(#"{"id":"1"}"#, s: 2), from: Self.new, lane: "lane.1"))
        #expect(overlaps.isRepeat(event(#"{"id":"1"}"#, s: 2), from: Self.new, lane: "lane.0"))
    }
}
