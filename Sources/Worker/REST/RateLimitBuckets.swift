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

    /// How long a 429 wants a pause for, by its `Retry-After` and its body's `retry_after`, both in seconds: the longer
    /// of the two, 5 s without either, 0.1 s to a day.
    static func pause(header: String?, body: Double?) -> Duration {
        let told = [header.flatMap(Double.init), body].compactMap { $0 }.filter { !$0.isNaN }.max() ?? 5
        return .seconds(min(max(told, 0.1), 86_400))
    }

    private struct Bucket: Sendable {
        var remaining: Int
        var resetsAt: Duration
    }

    /// More keys than this are of windows long over: they are forgotten, the earliest first.
    static let mostBuckets = 10_000
    /// What is left then of buckets whose windows go on, so that not every answer has to look for more.
    private static let bucketsKept = 9_000

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
        self.forgetSome(now: now)
    }

    mutating func limited(_ key: Key, isGlobal: Bool, retryAfter: Duration, now: Duration) {
        if isGlobal { self.closedUntil = max(self.closedUntil, now + retryAfter) }
        // The route that was refused waits too, also where the global limit does not count for it.
        self.buckets[key] = Bucket(remaining: 0, resetsAt: now + retryAfter)
        self.forgetSome(now: now)
    }

    private mutating func forgetSome(now: Duration) {
        guard self.buckets.count > Self.mostBuckets else { return }
        self.buckets = self.buckets.filter { $0.value.resetsAt > now }
        let surplus = self.buckets.count - Self.bucketsKept
        guard surplus > 0 else { return }
        let earliest = self.buckets.sorted { $0.value.resetsAt < $1.value.resetsAt }.prefix(surplus)
        for (key, _) in earliest { self.buckets[key] = nil }
    }
}
