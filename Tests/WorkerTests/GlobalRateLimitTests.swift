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
                    for _ in 0..<60 { try await limit.take(until: start.advanced(by: .seconds(50))) }
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
        let port = try quietPort()
        let redis = try RedisClient(
            configuration: RedisConfiguration(url: "redis://127.0.0.1:\(port)/"), logger: logger)
        let limit = GlobalRateLimit(redis: redis, application: "test", logger: logger)
        let start = ContinuousClock.now
        for _ in 0..<4 { try await limit.take(until: start.advanced(by: .seconds(50))) }
        #expect(start.duration(to: .now) >= GlobalRateLimit.localInterval * 3)
        await redis.shutdown()
    }

    @Test func `A turn that comes after the deadline is not waited for`() async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let application = "test-\(UInt64.random(in: 0...UInt64.max))"
        let redis = try RedisClient(
            configuration: try RedisConfiguration(url: TestEnvironment.redisURL), logger: logger)
        let limit = GlobalRateLimit(redis: redis, application: application, logger: logger)
        // Somebody has taken the next 50 s.
        let now = try #require(try await redis.command("TIME").array)
        let seconds = try #require(now.first?.string.flatMap { Int64($0) })
        try await redis.command(
            "SET", "rl:{\(application)}:global", .integer((seconds + 50) * 1_000_000), "PX", 60_000)
        let start = ContinuousClock.now
        await #expect(throws: GlobalRateLimit.OutOfTime.self) {
            try await limit.take(until: start.advanced(by: .seconds(20)))
        }
        #expect(start.duration(to: .now) < .seconds(15))
        await #expect(throws: GlobalRateLimit.OutOfTime.self) { try await limit.take(until: start) }
        await redis.shutdown()
    }

    @Test func `Without Redis nobody lines up for a turn after the deadline`() async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let redis = try RedisClient(
            configuration: RedisConfiguration(url: "redis://127.0.0.1:\(try quietPort())/"), logger: logger)
        let limit = GlobalRateLimit(redis: redis, application: "test", logger: logger)
        var taken = 0
        // Where the machine stands still, the deadline may be over before anybody asks.
        for _ in 0..<10 where taken == 0 {
            let deadline = ContinuousClock.now.advanced(by: GlobalRateLimit.localInterval * 4)
            taken = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<100 {
                    group.addTask { (try? await limit.take(until: deadline)) != nil }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
        }
        #expect((1...5).contains(taken))
        // The ninety and more that were refused hold no place: the next turn is not theirs.
        try await limit.take(until: .now.advanced(by: GlobalRateLimit.localInterval * 60))
        await redis.shutdown()
    }
}
