import Testing

@testable import Shard

@Suite("Cache backpressure")
struct CacheBackpressureTests {
    /// Sockets are left unread from 500 bytes on until 250 are left.
    private struct Pile {
        var backpressure = CacheBackpressure(bytes: 1_000, stall: .seconds(2), longestPause: .seconds(10))
        let start = ContinuousClock.now

        init() { self.backpressure.heard(now: self.start) }

        /// Returns whether sockets are left unread.
        mutating func update(_ bytes: Int, at seconds: Double, isUp: Bool = true, isAnswer: Bool = false) -> Bool {
            let now = self.start + .seconds(seconds)
            if isAnswer { self.backpressure.heard(now: now) }
            self.backpressure.update(bytes: bytes, isUp: isUp, now: now)
            return self.backpressure.isPausing
        }

        var deadline: Duration? { self.backpressure.deadline.map { $0 - self.start } }
    }

    @Test func `A pause lasts from the high mark to the low one`() {
        var pile = Pile()
        let states = [499, 500, 251, 499, 250, 499, 500].map { pile.update($0, at: 0) }
        #expect(states == [false, true, true, true, false, false, true])
    }

    @Test func `The marks of a large queue lie close together`() {
        #expect(CacheBackpressure(bytes: 4 << 30, stall: .seconds(2), longestPause: .seconds(10)).high == 32 << 20)
        let backpressure = CacheBackpressure(bytes: 64 << 20, stall: .seconds(2), longestPause: .seconds(10))
        #expect(backpressure.high == 32 << 20 && backpressure.low == 28 << 20)
    }

    @Test func `Nothing is left unread while Redis is away`() {
        var pile = Pile()
        let states = [
            pile.update(900, at: 0, isUp: false), pile.update(900, at: 1, isAnswer: true),
            pile.update(900, at: 1.5, isUp: false), pile.update(900, at: 1.6, isUp: false),
        ]
        #expect(states == [false, true, false, false])
    }

    @Test func `Without an answer sockets are read again, until one comes`() {
        var pile = Pile()
        let before = [pile.update(900, at: 1), pile.update(800, at: 1.9, isAnswer: true), pile.update(800, at: 3.8)]
        #expect(before == [true, true, true])
        #expect(pile.deadline == .seconds(3.9))
        let after = [pile.update(800, at: 3.9), pile.update(800, at: 5), pile.update(800, at: 6, isAnswer: true)]
        #expect(after == [false, false, true])
    }

    @Test func `A queue that was empty for long has time for its first answer`() {
        var pile = Pile()
        let isPausing = pile.update(500, at: 60, isAnswer: true)
        #expect(isPausing && pile.deadline == .seconds(62))
    }

    @Test func `A Redis too slow for the pile is not waited for, however often it answers`() {
        var pile = Pile()
        var unread = 0
        for tenth in 0..<600 where pile.update(900, at: Double(tenth) / 10, isAnswer: true) { unread += 1 }
        #expect(unread == 100)
        #expect(pile.deadline == nil)
        // The next pile has time of its own.
        let states = [pile.update(250, at: 61, isAnswer: true), pile.update(500, at: 61)]
        #expect(states == [false, true])
    }

    @Test func `The pauses of one pile count together`() {
        var pile = Pile()
        var unread = 0
        // It answers once in 3 s.
        for tenth in 0..<600 where pile.update(900, at: Double(tenth) / 10, isAnswer: tenth % 30 == 0) { unread += 1 }
        #expect(unread == 100)
    }
}
