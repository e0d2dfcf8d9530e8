import Foundation
import TestSupport
import Testing

@testable import Shard

@Suite("Silence against a slot's norm")
struct SilenceWatchTests {
    /// A slot's traffic, second by second, with a look at it as often as heartbeats leave.
    struct Flow {
        var watch = SilenceWatch()
        var total: UInt64 = 0
        var now = ContinuousClock.now
        var random = SeededGenerator(seed: 3)
        static let beat = 41

        init(isNewSession: Bool = false) { self.watch.started(total: 0, isNewSession: isNewSession, now: self.now) }

        /// Returns after how many seconds the slot was called deaf.
        mutating func run(seconds: Int, _ rate: (Int) -> Double) -> Int? {
            for second in 0..<seconds {
                self.now += .seconds(1)
                self.total += self.poisson(rate(second))
                guard second % Self.beat == Self.beat - 1 else { continue }
                if self.watch.check(total: self.total, now: self.now) { return second + 1 }
            }
            return nil
        }

        private mutating func poisson(_ mean: Double) -> UInt64 {
            guard mean > 0 else { return 0 }
            var count: UInt64 = 0
            var product = Double.random(in: 0..<1, using: &self.random)
            var rest = mean
            while rest > 30 {
                count += 30
                rest -= 30
            }
            let limit = exp(-rest)
            while product > limit {
                count += 1
                product *= Double.random(in: 0..<1, using: &self.random)
            }
            return count
        }
    }

    @Test(arguments: [1.0, 5, 50]) func `A busy socket that falls silent is found`(rate: Double) throws {
        var flow = Flow()
        #expect(flow.run(seconds: 3_600) { _ in rate } == nil)
        #expect(abs(flow.watch.rate - rate) < rate * 0.3 + 0.1)
        let silence = flow.run(seconds: 3_600) { _ in 0 }
        let found = try #require(silence)
        // A tenth of the norm should have brought 20 events, and a minute is the least.
        let least = max(60, 20 / (0.1 * rate))
        #expect(Double(found) >= least && Double(found) <= least * 1.5 + 2 * Double(Flow.beat), "\(found)")
    }

    @Test(arguments: [0.0, 0.01, 0.1]) func `A quiet slot is never called deaf`(rate: Double) {
        var flow = Flow()
        #expect(flow.run(seconds: 86_400) { _ in rate } == nil)
        #expect(flow.run(seconds: 86_400) { _ in 0 } == nil)
    }

    @Test func `Nothing is known before the norm is`() {
        var flow = Flow()
        #expect(flow.run(seconds: 300) { _ in 20 } == nil)
        #expect(flow.run(seconds: 3_600) { _ in 0 } == nil)
    }

    @Test func `A night that is twenty times quieter is no silence`() {
        var flow = Flow()
        for _ in 0..<4 {
            // Ten hours of day and ten of night, with two of evening and of morning between.
            #expect(flow.run(seconds: 36_000) { _ in 20 } == nil)
            #expect(flow.run(seconds: 7_200) { 20 - 19 * Double($0) / 7_200 } == nil)
            #expect(flow.run(seconds: 36_000) { _ in 1 } == nil)
            #expect(flow.run(seconds: 7_200) { 1 + 19 * Double($0) / 7_200 } == nil)
        }
    }

    @Test func `The flood after READY makes no norm`() {
        var flow = Flow(isNewSession: true)
        // 2,500 guilds, and then next to nothing.
        #expect(flow.run(seconds: 60) { _ in 42 } == nil)
        #expect(flow.run(seconds: 86_400) { _ in 0.01 } == nil)
    }

    @Test func `Nor does it when the socket is left unread in between`() {
        var flow = Flow(isNewSession: true)
        for _ in 0..<50 {
            #expect(flow.run(seconds: 2) { _ in 50 } == nil)
            flow.watch.stopped()
            flow.watch.started(total: flow.total, isNewSession: false, now: flow.now)
        }
        #expect(flow.run(seconds: 20) { _ in 0 } == nil)
        #expect(flow.run(seconds: 40_000) { _ in 0.02 } == nil)
        #expect(flow.watch.rate < 0.1)
    }

    @Test func `One flood in a quiet slot makes no norm either`() {
        var flow = Flow()
        #expect(flow.run(seconds: 7_200) { _ in 0.05 } == nil)
        #expect(flow.run(seconds: 120) { _ in 500 } == nil)
        #expect(flow.run(seconds: 7_200) { _ in 0.05 } == nil)
    }

    @Test func `A slot that lives in bursts is learnt after one mistake`() {
        var flow = Flow()
        var mistakes = 0
        var second = 0
        while second < 86_400 {
            // A minute of events, then a quarter of an hour of nothing.
            let found = flow.run(seconds: 960) { $0 < 60 ? 40 : 0 }
            second += found ?? 960
            guard found != nil else { continue }
            mistakes += 1
            // RESUMED brings nothing that was missed: it was no deafness.
            flow.total += 1
            flow.watch.started(total: flow.total, isNewSession: false, now: flow.now)
            _ = flow.run(seconds: 960 - (found ?? 0)) { _ in 0 }
            second += 960 - (found ?? 0)
        }
        #expect(mistakes <= 2, "\(mistakes)")
    }

    @Test func `What goes on being deaf is not tried in a loop`() throws {
        var flow = Flow()
        #expect(flow.run(seconds: 3_600) { _ in 10 } == nil)
        var silences: [Int] = []
        for _ in 0..<6 {
            let silence = flow.run(seconds: 36_000) { _ in 0 }
            silences.append(try #require(silence))
            // Each time the replay shows that events were missed.
            flow.total += 500
            flow.watch.started(total: flow.total, isNewSession: false, now: flow.now)
        }
        #expect(silences == silences.sorted() && silences[5] >= silences[0] * 8, "\(silences)")
        // After a calm while the patience is as at first.
        #expect(flow.run(seconds: 7_200) { _ in 10 } == nil)
        let silence = flow.run(seconds: 36_000) { _ in 0 }
        #expect(try #require(silence) < 200)
    }

    @Test func `Time in which nothing can be heard is no silence`() {
        var flow = Flow()
        #expect(flow.run(seconds: 3_600) { _ in 10 } == nil)
        flow.watch.stopped()
        #expect(flow.run(seconds: 3_600) { _ in 0 } == nil)
        flow.watch.started(total: flow.total, isNewSession: false, now: flow.now)
        #expect(flow.run(seconds: 3_600) { _ in 10 } == nil)
    }

    @Test func `A clock that stands still changes nothing`() {
        var flow = Flow()
        _ = flow.run(seconds: 3_600) { _ in 10 }
        _ = flow.watch.check(total: flow.total, now: flow.now)
        let rate = flow.watch.rate
        for _ in 0..<100 {
            let isDeaf = flow.watch.check(total: flow.total, now: flow.now)
            #expect(!isDeaf)
        }
        #expect(flow.watch.rate == rate)
    }
}
