import Discord

/// Holds an application to its identify rate and its session starts (Discord docs, Gateway, Rate Limiting).
struct IdentifyGate: Sendable {
    enum Verdict: Sendable, Equatable {
        case admitted
        /// Another Identify of the same key came less than the interval ago: op 9.
        case tooSoon
        /// No session starts are left: the token is to be reset.
        case exhausted
    }

    struct StartLimit: Sendable, Equatable {
        let total: Int
        let remaining: Int
        let resetAfter: Duration
    }

    private struct Counter: Sendable {
        var used = 0
        var started: ContinuousClock.Instant
        /// When the last Identify of each key was admitted.
        var admitted: [Int: ContinuousClock.Instant] = [:]
    }

    private let settings: SandboxGatewaySettings
    private var counters: [Snowflake: Counter] = [:]

    init(settings: SandboxGatewaySettings) { self.settings = settings }

    /// Judges one Identify and counts it; refused ones burn a start too.
    mutating func admit(shard: Int, of application: Snowflake, now: ContinuousClock.Instant) -> Verdict {
        var counter = self.counter(of: application, now: now)
        guard counter.used < self.settings.sessionStartLimit else { return .exhausted }
        counter.used += 1
        defer { self.counters[application] = counter }
        let key = shard % max(self.settings.maxConcurrency, 1)
        if let last = counter.admitted[key], now - last < self.settings.identifyInterval { return .tooSoon }
        counter.admitted[key] = now
        return .admitted
    }

    /// Begins anew with all session starts, as for an application with a new token.
    mutating func reset(_ application: Snowflake) { self.counters[application] = nil }

    func startLimit(of application: Snowflake, now: ContinuousClock.Instant) -> StartLimit {
        let counter = self.counter(of: application, now: now)
        return StartLimit(
            total: self.settings.sessionStartLimit,
            remaining: max(0, self.settings.sessionStartLimit - counter.used),
            resetAfter: counter.used == 0 ? .zero : self.settings.sessionStartPeriod - (now - counter.started))
    }

    private func counter(of application: Snowflake, now: ContinuousClock.Instant) -> Counter {
        guard let counter = self.counters[application] else { return Counter(started: now) }
        guard now - counter.started >= self.settings.sessionStartPeriod else { return counter }
        return Counter(started: now, admitted: counter.admitted)
    }
}
