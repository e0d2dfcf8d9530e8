import DequeModule
import Discord
import NIOCore

/// The events that came lately through one lane, by what they say: the same event has another session and another
/// number in each generation.
///
/// The same may be said twice and mean two things, such as a reaction that is taken back and given again. So each event
/// is the repeat of one other at most: of one that another generation brought and that has no twin yet.
struct OverlapMemory: Sendable {
    struct Key: Hashable, Sendable {
        let application: Snowflake?
        let name: EventName
        /// Of `d`. Seeded anew in each process: nobody can make two events whose hashes are equal.
        let hash: Int

        init(_ event: WorkerEvent) {
            self.application = event.application
            self.name = event.name
            var hasher = Hasher()
            event.payload.withUnsafeReadableBytes { hasher.combine(bytes: $0) }
            self.hash = hasher.finalize()
        }

        init(application: Snowflake?, name: EventName, hash: Int) {
            self.application = application
            self.name = name
            self.hash = hash
        }
    }

    /// An event as its session numbers it.
    private struct Place: Hashable {
        let session: String
        let generation: Int64
        let sequence: Int64
    }

    private struct Entry {
        let key: Key
        let place: Place
        let at: Int64
        /// Its twin has come.
        var isMatched: Bool
    }

    /// Sessions of two generations lag no further behind each other than this, as a rule. Much less than the shortest
    /// overlap: what the new generation alone brings must not be taken for what the old one brought before it.
    static let milliseconds: Int64 = 5_000
    static let mostEvents = 4_096

    /// In the order they came.
    private var entries: Deque<Entry> = []
    private var places: Set<Place> = []
    /// How many wait for their twin, by generation.
    private var unmatched: [Key: [Int64: Int]] = [:]
    /// The latest `at`.
    private var now: Int64 = 0

    /// - Parameter milliseconds: when the shard read it, since 1970.
    mutating func isRepeat(_ key: Key, sequence: Int64, from source: EventSource, at milliseconds: Int64) -> Bool {
        self.now = max(self.now, milliseconds)
        while let first = self.entries.first,
            first.at < self.now - Self.milliseconds || self.entries.count >= Self.mostEvents
        {
            self.forget(self.entries.removeFirst())
        }
        // So late that its twin may be forgotten, or stand for another one.
        guard milliseconds >= self.now - Self.milliseconds else { return false }
        let place = Place(session: source.session, generation: source.generation, sequence: sequence)
        // The broker gives it again, or Discord does: it is no second event, and what became of the first is not known.
        guard self.places.insert(place).inserted else { return false }
        let twin = self.unmatched[key]?.keys.first { $0 != source.generation }
        if let twin {
            self.change(key, twin, by: -1)
            let index = self.entries.firstIndex { $0.key == key && !$0.isMatched && $0.place.generation == twin }
            if let index { self.entries[index].isMatched = true }
        } else {
            self.change(key, source.generation, by: 1)
        }
        self.entries.append(Entry(key: key, place: place, at: milliseconds, isMatched: twin != nil))
        return twin != nil
    }

    private mutating func change(_ key: Key, _ generation: Int64, by amount: Int) {
        var counts = self.unmatched[key] ?? [:]
        let count = (counts[generation] ?? 0) + amount
        counts[generation] = count > 0 ? count : nil
        self.unmatched[key] = counts.isEmpty ? nil : counts
    }

    private mutating func forget(_ entry: Entry) {
        self.places.remove(entry.place)
        if !entry.isMatched { self.change(entry.key, entry.place.generation, by: -1) }
    }
}
