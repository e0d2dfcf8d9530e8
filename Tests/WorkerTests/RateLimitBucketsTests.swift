import Discord
import Testing

@testable import Worker

@Suite("Rate-limit buckets")
struct RateLimitBucketsTests {
    private let key = RateLimitBuckets.Key(.createMessage(channel: Snowflake(rawValue: 1)))
    private let other = RateLimitBuckets.Key(.createMessage(channel: Snowflake(rawValue: 2)))
    private var buckets = RateLimitBuckets()

    private mutating func take(_ key: RateLimitBuckets.Key, at now: Duration) -> Duration {
        self.buckets.take(key, countsGlobally: true, now: now)
    }

    @Test mutating func `An unknown bucket lets the first request through`() {
        #expect(self.take(self.key, at: .zero) == .zero)
    }

    @Test mutating func `What is left may go, the next waits for the reset`() {
        self.buckets.answered(self.key, .init(remaining: 2, resetAfter: .seconds(5)), now: .zero)
        #expect(self.take(self.key, at: .zero) == .zero)
        #expect(self.take(self.key, at: .zero) == .zero)
        #expect(self.take(self.key, at: .seconds(2)) == .seconds(3))
        #expect(self.take(self.key, at: .seconds(5)) == .zero)
    }

    @Test mutating func `Buckets of other channels are their own`() {
        self.buckets.answered(self.key, .init(remaining: 0, resetAfter: .seconds(5)), now: .zero)
        #expect(self.take(self.other, at: .zero) == .zero)
    }

    @Test mutating func `An answer does not give back what is still under way`() {
        self.buckets.answered(self.key, .init(remaining: 2, resetAfter: .seconds(5)), now: .zero)
        _ = self.take(self.key, at: .zero)
        _ = self.take(self.key, at: .zero)
        self.buckets.answered(self.key, .init(remaining: 1, resetAfter: .seconds(5)), now: .zero)
        #expect(self.take(self.key, at: .zero) == .seconds(5))
    }

    @Test mutating func `A global limit stops every route but interaction answers`() {
        self.buckets.limited(self.key, isGlobal: true, retryAfter: .seconds(1), now: .zero)
        #expect(self.take(self.other, at: .zero) == .seconds(1))
        let callback = RateLimitBuckets.Key(.interactionCallback(Snowflake(rawValue: 3), token: "t"))
        #expect(self.buckets.take(callback, countsGlobally: false, now: .zero) == .zero)
        #expect(self.take(self.other, at: .seconds(1)) == .zero)
    }

    @Test mutating func `A shared limit stops its own route`() {
        self.buckets.limited(self.key, isGlobal: false, retryAfter: .seconds(2), now: .zero)
        #expect(self.take(self.key, at: .seconds(1)) == .seconds(1))
        #expect(self.take(self.other, at: .seconds(1)) == .zero)
    }

    @Test mutating func `The number of buckets is bounded`() {
        for channel in 0..<12_000 {
            let key = RateLimitBuckets.Key(.createMessage(channel: Snowflake(rawValue: UInt64(channel))))
            self.buckets.answered(key, .init(remaining: 1, resetAfter: .seconds(60)), now: .zero)
        }
        #expect(self.buckets.count <= RateLimitBuckets.mostBuckets)
    }

    @Test mutating func `The number of buckets is bounded also when all of them are refused`() {
        for channel in 0..<12_000 {
            let key = RateLimitBuckets.Key(.createMessage(channel: Snowflake(rawValue: UInt64(channel))))
            self.buckets.limited(key, isGlobal: false, retryAfter: .seconds(channel), now: .zero)
        }
        #expect(self.buckets.count <= RateLimitBuckets.mostBuckets)
        // Those that last for longest are kept.
        let last = RateLimitBuckets.Key(.createMessage(channel: Snowflake(rawValue: 11_999)))
        #expect(self.take(last, at: .zero) == .seconds(11_999))
    }

    @Test(
        arguments: [
            ("2", 1.5, 2), ("1", 1.5, 1.5), (nil, nil, 5), ("soon", nil, 5), ("nan", nil, 5), ("-nan", 3, 3),
            ("-1", nil, 0.1),
            ("inf", nil, 86_400), ("1e300", 1, 86_400), ("0", 0, 0.1),
        ] as [(String?, Double?, Double)])
    func `A 429 has the pause that it tells, within reason`(header: String?, body: Double?, seconds: Double) {
        #expect(RateLimitBuckets.pause(header: header, body: body) == .seconds(seconds))
    }
}
