import Discord
import GuildCache
import Redis
import TestSupport
import Testing

/// Whatever the order in which the writers' commands reach Redis: in the end the cache is the guild, or says that it
/// may not be.
@Suite("Cache convergence", .timeLimit(.minutes(3)))
struct ConvergenceTests {
    typealias Session = CacheUnderTest.Session

    private static let length = 40

    private static var kinds: CacheKinds {
        var kinds = CacheKinds()
        kinds.members = .all
        return kinds
    }

    /// One writer's events, in order; which of several is next is chance.
    private struct Writer {
        var session: Session
        var events: ArraySlice<(s: Int64, name: String, data: String)>
    }

    private func run(
        _ writers: [Writer], on cache: CacheUnderTest, random: inout SeededGenerator,
        isSkipped: (inout SeededGenerator) -> Bool = { _ in false }
    ) async throws -> [Writer] {
        var writers = writers
        while let index = writers.indices.filter({ !writers[$0].events.isEmpty }).randomElement(using: &random) {
            guard let event = writers[index].events.popFirst() else { continue }
            if isSkipped(&random) {
                writers[index].session.after = event.s
            } else {
                try await cache.write(event.name, event.data, s: event.s, by: &writers[index].session)
            }
        }
        return writers
    }

    /// The events of a session that begins with the guild as it is after `start` events.
    private func session(
        of stream: GuildStream, from start: Int, firstSequence: Int64
    ) -> [(s: Int64, name: String, data: String)] {
        let all = [("GUILD_CREATE", stream.states[start].create)] + stream.events[start...].map { ($0.name, $0.data) }
        return all.enumerated().map { (firstSequence + Int64($0.offset) * 3, $0.element.0, $0.element.1) }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `Two owners of a session`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let stream = GuildStream(seed: seed, count: Self.length)
        let events = self.session(of: stream, from: 0, firstSequence: 2)
        try await withCache(Self.kinds) { (cache) async throws in
            // The old owner has written up to `written`, of which `settled` is told; then both write.
            let settled = Int.random(in: 0..<events.count, using: &random)
            let written = Int.random(in: settled..<events.count, using: &random)
            let last = Int.random(in: written..<events.count, using: &random)
            var old = Session("s", epoch: 1)
            for event in events[...written] {
                try await cache.write(event.name, event.data, s: event.s, by: &old)
            }
            _ = try await self.run(
                [
                    Writer(session: old, events: events[(written + 1)..<max(written + 1, last)]),
                    Writer(session: Session("s", epoch: 2, ordinal: 0), events: events[(settled + 1)...]),
                ], on: cache, random: &random)
            #expect(try await cache.model() == stream.states[Self.length].normalized)
            #expect(try await cache.meta("state") == "warm")
        }
    }

    @Test(arguments: 100..<120 as Range<UInt64>)
    func `Two generations at once`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let stream = GuildStream(seed: seed, count: Self.length)
        let start = Int.random(in: 0...Self.length, using: &random)
        try await withCache(Self.kinds) { (cache) async throws in
            _ = try await self.run(
                [
                    Writer(
                        session: Session("old", generation: 1, epoch: 9),
                        events: self.session(of: stream, from: 0, firstSequence: 500)[...]),
                    Writer(
                        session: Session("new", generation: 2, epoch: 1),
                        events: self.session(of: stream, from: start, firstSequence: 2)[...]),
                ], on: cache, random: &random)
            #expect(try await cache.model() == stream.states[Self.length].normalized)
            #expect(try await cache.meta("session") == "new")
            #expect(try await cache.meta("state") == "warm")
        }
    }

    @Test(arguments: 200..<220 as Range<UInt64>)
    func `A session after another, whose last writes come late`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let stream = GuildStream(seed: seed, count: Self.length)
        let end = Int.random(in: 0..<Self.length, using: &random)
        let start = Int.random(in: end..<Self.length, using: &random)
        try await withCache(Self.kinds) { (cache) async throws in
            let first = self.session(of: stream, from: 0, firstSequence: 2)
            _ = try await self.run(
                [
                    Writer(session: Session("one", ordinal: 1), events: first[...end]),
                    Writer(
                        session: Session("two", ordinal: 2),
                        events: self.session(of: stream, from: start, firstSequence: 2)[...]),
                ], on: cache, random: &random)
            #expect(try await cache.model() == stream.states[Self.length].normalized)
            #expect(try await cache.meta("state") == "warm")
        }
    }

    @Test(arguments: 300..<330 as Range<UInt64>)
    func `With writes that are lost the cache is right or unsure`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let stream = GuildStream(seed: seed, count: Self.length)
        let events = self.session(of: stream, from: 0, firstSequence: 2)
        try await withCache(Self.kinds) { (cache) async throws in
            let writers = try await self.run(
                [Writer(session: Session("s"), events: events[...])], on: cache, random: &random
            ) { Int.random(in: 0..<30, using: &$0) == 0 }
            _ = try await cache.check(writers[0].session, s: writers[0].session.after)
            let isRight = try await cache.model() == stream.states[Self.length].normalized
            let state = try await cache.meta("state")
            #expect(isRight || state == "unsure", "seed \(seed)")
        }
    }
}
