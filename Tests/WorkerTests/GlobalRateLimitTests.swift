import Logging
import Redis
import TestSupport
import Testing

@testable import Worker

@Suite("Global rate limit", .timeLimit(.minutes(1)))
struct GlobalRateLimitTests {
    @Test func `Two processes together stay below fifty requests in every second`() async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let application = "test-\(UInt64.random(in: 0...UInt64.max))"
        let configuration = try RedisConfiguration(url: TestEnvironment.redisURL)
        let times = try await withThrowingTaskGroup { group in
            for _ in 0..<2 {
                group.addTask {
                    let redis = try RedisClient(configuration: configuration, logger: logger)
                    let limit = GlobalRateLimit(redis: redis, application: application, logger: logger)
                    var times: [ContinuousClock.Instant] = []
                    for _ in 0..<60 {
                        try await limit.take()
                        times.append(.now)
                    }
                    await redis.shutdown()
                    return times
                }
            }
            var all: [ContinuousClock.Instant] = []
            for try await times in group { all += times }
            return all.sorted()
        }
        let busiest = times.map { first in times.count { $0 >= first && $0 < first.advanced(by: .seconds(1)) } }.max() ?? 0
        #expect(busiest <= 50)
        #expect(times.count == 120)
    }

    @Test func `Without Redis a process keeps to its own small share`() async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let port = try freePort()
        let redis = try RedisClient(configuration: RedisConfiguration(url: "redis://127.0.0.1:\(port)/"), logger: logger)
        let limit = GlobalRateLimit(redis: redis, application: "test", logger: logger)
        let start = ContinuousClock.now
        for _ in 0..<4 { try await limit.take() }
        #expect(start.duration(to: .now) >= GlobalRateLimit.localInterval * 3)
        await redis.shutdown()
    }
}
