/// What Discord's answers have told of its per-route limits. Time is that of the caller's monotonic clock.
struct RateLimitBuckets: Sendable {
    struct Key: Hashable, Sendable {
        let template: String
        let majorParameter: String

        init(_ route: DiscordRoute) {
            self.template = route.template
            self.majorParameter = route.majorParameter
        }
    }

    struct Headers: Sendable, Equatable {
        /// `X-RateLimit-Remaining`.
        let remaining: Int
        /// `X-RateLimit-Reset-After`: no clock of ours is compared with Discord's.
        let resetAfter: Duration
    }

    private struct Bucket: Sendable {
        var remaining: Int
        var resetsAt: Duration
    }

    /// More keys than this are of windows long over: they are forgotten, the earliest first.
    private static let mostBuckets = 10_000

    private var buckets: [Key: Bucket] = [:]
    private var closedUntil: Duration = .zero

    var count: Int { self.buckets.count }

    /// - Returns: how long to wait; zero when the request may go now, and one of its bucket's is taken.
    mutating func take(_ key: Key, countsGlobally: Bool, now: Duration) -> Duration {
        if countsGlobally, self.closedUntil > now { return self.closedUntil - now }
        guard var bucket = self.buckets[key], bucket.resetsAt > now else { return .zero }
        guard bucket.remaining > 0 else { return bucket.resetsAt - now }
        bucket.remaining -= 1
        self.buckets[key] = bucket
        return .zero
    }

    mutating func answered(_ key: Key, _ headers: Headers, now: Duration) {
        let resetsAt = now + headers.resetAfter
        if let known = self.buckets[key], known.resetsAt > now, known.resetsAt <= resetsAt + .milliseconds(50) {
            // Requests that are still under way are not in Discord's number yet.
            self.buckets[key] = Bucket(remaining: min(known.remaining, headers.remaining), resetsAt: resetsAt)
        } else {
            self.buckets[key] = Bucket(remaining: headers.remaining, resetsAt: resetsAt)
        }
        if self.buckets.count > Self.mostBuckets { self.forget(now: now) }
    }

    mutating func limited(_ key: Key, isGlobal: Bool, retryAfter: Duration, now: Duration) {
        if isGlobal { self.closedUntil = max(self.closedUntil, now + retryAfter) }
        // The route that was refused waits too, also where the global limit does not count for it.
        self.buckets[key] = Bucket(remaining: 0, resetsAt: now + retryAfter)
    }

    private mutating func forget(now: Duration) {
        self.buckets = self.buckets.filter { $0.value.resetsAt > now }
        guard self.buckets.count > Self.mostBuckets else { return }
        for (key, _) in self.buckets.sorted(by: { $0.value.resetsAt < $1.value.resetsAt }).prefix(
            self.buckets.count - Self.mostBuckets)
        {
            self.buckets[key] = nil
        }
    }
}
