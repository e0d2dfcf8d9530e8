import Logging
import Redis
import TestSupport
import Testing

@testable import Worker

@Suite("Global rate limit", .timeLimit(.minutes(1)))
struct GlobalRateLimitTests {
    @Test func `Two processes together keep to one rate`() async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let application = "test-\(UInt64.random(in: 0...UInt64.max))"
        let configuration = try RedisConfiguration(url: TestEnvironment.redisURL)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup { group in
            for _ in 0..<2 {
                group.addTask {
                    let redis = try RedisClient(configuration: configuration, logger: logger)
                    let limit = GlobalRateLimit(redis: redis, application: application, logger: logger)
                    for _ in 0..<60 { try await limit.take() }
                    await redis.shutdown()
                }
            }
            try await group.waitForAll()
        }
        // The first and four ahead of their time go at once; each of the others waits its turn.
        #expect(start.duration(to: .now) >= GlobalRateLimit.interval * (120 - 1 - GlobalRateLimit.burst))
    }

    @Test func `Without Redis a process keeps to its own small share`() async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let port = try freePort()
        let redis = try RedisClient(
            configuration: RedisConfiguration(url: "redis://127.0.0.1:\(port)/"), logger: logger)
        let limit = GlobalRateLimit(redis: redis, application: "test", logger: logger)
        let start = ContinuousClock.now
        for _ in 0..<4 { try await limit.take() }
        #expect(start.duration(to: .now) >= GlobalRateLimit.localInterval * 3)
        await redis.shutdown()
    }
}
