import DequeModule
import Discord
import NIOCore

/// The events that came lately through one lane, by what they say: the same event has another session and another
/// number in each generation.
///
/// The same may be said twice and mean two things, such as a reaction that is taken back and given again. So events are
/// counted: of those that one generation brings, as many are repeats as another one has brought more of.
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

    private struct Entry {
        let key: Key
        let source: EventSource
        let sequence: Int64
        let at: Int64
    }

    /// Sessions of two generations lag no further behind each other than this, as a rule. Much less than the shortest
    /// overlap: what the new generation alone brings must not be taken for what the old one brought before it.
    static let milliseconds: Int64 = 5_000
    static let mostEvents = 4_096

    /// In the order they came.
    private var entries: Deque<Entry> = []
    private var counts: [Key: [Int64: Int]] = [:]
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
        let known = self.counts[key] ?? [:]
        let count = known[source.generation] ?? 0
        // The broker gives it again, or Discord does: it is no second event, and what became of the first is not known.
        if count > 0, self.holds(key, sequence, source) { return false }
        self.counts[key, default: [:]][source.generation] = count + 1
        self.entries.append(Entry(key: key, source: source, sequence: sequence, at: milliseconds))
        let most = known.filter { $0.key != source.generation }.values.max() ?? 0
        return count < most
    }

    private func holds(_ key: Key, _ sequence: Int64, _ source: EventSource) -> Bool {
        self.entries.contains { $0.key == key && $0.sequence == sequence && $0.source == source }
    }

    private mutating func forget(_ entry: Entry) {
        guard var known = self.counts[entry.key], let count = known[entry.source.generation] else { return }
        known[entry.source.generation] = count > 1 ? count - 1 : nil
        self.counts[entry.key] = known.isEmpty ? nil : known
    }
}
