import Logging
import Redis
import Synchronization

/// Discord's global limit of 50 requests a second for a bot, shared by every process through Redis.
///
/// A cell-rate limit by Redis' own clock: one request each 1/40 s, and at most 4 ahead of that, so that no second holds
/// more than 44. The rest is for requests that are held up on their way and arrive together.
final class GlobalRateLimit: Sendable {
    static let interval: Duration = .milliseconds(25)
    static let burst = 4
    /// What one process may send while Redis is away: ten processes together stay below the limit.
    static let localInterval: Duration = .milliseconds(220)

    /// KEYS[1]: the time, in microseconds, at which the next request is due. Answers how many microseconds to wait; 0
    /// has taken one.
    private static let script = RedisScript(
        """
        local time = redis.call('TIME')
        local now = time[1] * 1000000 + time[2]
        local interval = tonumber(ARGV[1])
        local due = tonumber(redis.call('GET', KEYS[1]) or '0')
        if due < now then due = now end
        local wait = due - now - interval * tonumber(ARGV[2])
        if wait > 0 then return math.ceil(wait) end
        redis.call('SET', KEYS[1], string.format('%d', due + interval), 'PX', 10000)
        return 0
        """)

    private let redis: RedisClient
    private let key: String
    private let logger: Logger
    private let localDue = Mutex<ContinuousClock.Instant>(.now)

    /// - Parameter application: whose limit it is: a key of the bot, never its token.
    init(redis: RedisClient, application: String, logger: Logger) {
        self.redis = redis
        self.key = "rl:{\(application)}:global"
        self.logger = logger
    }

    /// One request may not be sent before the deadline.
    struct OutOfTime: Error {}

    /// Waits until one request may be sent.
    ///
    /// - Throws: `OutOfTime` as soon as it is known that this will not be before the deadline.
    func take(until deadline: ContinuousClock.Instant) async throws {
        while true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { throw OutOfTime() }
            let wait: Duration
            do {
                let answer = try await self.redis.run(
                    Self.script, keys: [.string(self.key)],
                    arguments: [.integer(Self.interval.microseconds), .integer(Int64(Self.burst))],
                    timeout: min(left, .milliseconds(500)))
                wait = .microseconds(answer.integer ?? 0)
            } catch {
                try Task.checkCancellation()
                self.logger.warning("the shared rate limit is out of reach", metadata: ["error": "\(error)"])
                return try await self.takeLocally(until: deadline)
            }
            if wait == .zero { return }
            guard ContinuousClock.now.advanced(by: wait) < deadline else { throw OutOfTime() }
            try await Task.sleep(for: wait)
        }
    }

    /// Whoever would be due too late takes no place: what waits here is bounded by the deadlines.
    private func takeLocally(until deadline: ContinuousClock.Instant) async throws {
        let due = self.localDue.withLock { due -> ContinuousClock.Instant? in
            let mine = max(due, .now)
            guard mine < deadline else { return nil }
            due = mine.advanced(by: Self.localInterval)
            return mine
        }
        guard let due else { throw OutOfTime() }
        try await Task.sleep(until: due, clock: .continuous)
    }
}

extension Duration {
    fileprivate var microseconds: Int64 { Int64(self / .microseconds(1)) }
}
