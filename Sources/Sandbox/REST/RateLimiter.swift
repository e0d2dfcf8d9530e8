import Discord

/// The limits of REST. Windows are fixed, as Discord's headers describe them.
package struct SandboxRateLimits: Sendable {
    /// Requests of one caller in a second; interaction routes do not count.
    package var global = 50
    /// Whether anything is limited at all.
    package var isEnabled = true
    /// Route limits are multiplied with this: 1 is Discord-like.
    package var scale = 1

    package init() {}
}

/// A route's limit: so many requests in a window.
struct Limit: Sendable, Equatable {
    let requests: Int
    let window: Duration
}

/// Counts requests in windows, for each caller, route bucket and major parameter.
struct RateLimiter: Sendable {
    struct Key: Hashable, Sendable {
        let caller: String
        /// The route without its major parameter.
        let bucket: String
        let major: String
    }

    struct Usage: Sendable, Equatable {
        let limit: Int
        let remaining: Int
        let resetAfter: Duration
    }

    enum Verdict: Sendable, Equatable {
        case allowed(Usage?)
        case limited(Usage, retryAfter: Duration, isShared: Bool)
        case globallyLimited(retryAfter: Duration)
    }

    private struct Window: Sendable {
        var used: Int
        var started: ContinuousClock.Instant
        var length: Duration
    }

    /// Windows that are over are thrown away once there are this many.
    private static let sweepThreshold = 10_000
    private let limits: SandboxRateLimits
    private var windows: [Key: Window] = [:]

    init(limits: SandboxRateLimits) { self.limits = limits }

    /// Judges one request and counts it if it is let through.
    ///
    /// - Parameters:
    ///   - limit: `nil`: the route has no limit of its own.
    ///   - hidden: one that shows in no header, such as a webhook's channel's; its key's caller is left out.
    mutating func admit(
        _ key: Key, _ limit: Limit?, hidden: (key: Key, limit: Limit)? = nil, countsGlobally: Bool,
        now: ContinuousClock.Instant
    ) -> Verdict {
        guard self.limits.isEnabled else { return .allowed(nil) }
        if self.windows.count > Self.sweepThreshold {
            self.windows = self.windows.filter { now - $0.value.started < $0.value.length }
        }
        let global = Key(caller: key.caller, bucket: "global", major: "")
        let globalLimit = Limit(requests: self.limits.global, window: .seconds(1))
        if countsGlobally, let wait = self.wait(global, globalLimit, now: now) {
            return .globallyLimited(retryAfter: wait)
        }
        if let limit {
            let scaled = Limit(requests: limit.requests * max(self.limits.scale, 1), window: limit.window)
            if let wait = self.wait(key, scaled, now: now) {
                return .limited(
                    Usage(limit: scaled.requests, remaining: 0, resetAfter: wait), retryAfter: wait, isShared: false)
            }
            if let hidden, let wait = self.wait(hidden.key, hidden.limit, now: now) {
                return .limited(self.usage(key, scaled, now: now), retryAfter: wait, isShared: true)
            }
            self.count(key, scaled, now: now)
            if let hidden { self.count(hidden.key, hidden.limit, now: now) }
            if countsGlobally { self.count(global, globalLimit, now: now) }
            return .allowed(self.usage(key, scaled, now: now))
        }
        if countsGlobally { self.count(global, globalLimit, now: now) }
        return .allowed(nil)
    }

    private func wait(_ key: Key, _ limit: Limit, now: ContinuousClock.Instant) -> Duration? {
        guard let window = self.windows[key], now - window.started < window.length, window.used >= limit.requests else {
            return nil
        }
        return window.length - (now - window.started)
    }

    private mutating func count(_ key: Key, _ limit: Limit, now: ContinuousClock.Instant) {
        if let window = self.windows[key], now - window.started < window.length {
            self.windows[key] = Window(used: window.used + 1, started: window.started, length: window.length)
        } else {
            self.windows[key] = Window(used: 1, started: now, length: limit.window)
        }
    }

    private func usage(_ key: Key, _ limit: Limit, now: ContinuousClock.Instant) -> Usage {
        guard let window = self.windows[key], now - window.started < window.length else {
            return Usage(limit: limit.requests, remaining: limit.requests, resetAfter: limit.window)
        }
        return Usage(
            limit: limit.requests, remaining: max(0, limit.requests - window.used),
            resetAfter: window.length - (now - window.started))
    }

    /// Seconds with three decimals, rounded up so that waiting them is enough.
    static func seconds(_ value: Double) -> String {
        let milliseconds = Int64(max(0, value * 1000).rounded(.up))
        let digits = String(milliseconds % 1000)
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - digits.count) + digits
    }
}
