import ClusterAPI
import GuildCache
import Redis
import Runtime
import ServiceLifecycle
import TestSupport
import Testing

@testable import Shard

/// What a slot has written to the cache when it is let go of. The events are dropped by the plan: nothing waits for
/// their writes.
extension ShardCacheTests {
    private static func end(
        _ test: String, flush: String = "8s", patience: Duration = .seconds(20),
        _ body: (Stage, ScriptedConnection) async throws -> Void
    ) async throws {
        try await Self.run(
            test, settings: ["FLOTILLA_SHARD_DROP_EVENTS": "CHANNEL_UPDATE", "FLOTILLA_SHARD_FLUSH_TIMEOUT": flush],
            configure: { $0.slot.cache?.limits.patience = patience }
        ) { stage in
            let connection = try await stage.begin(guilds: [1])
            connection.send(Self.create(1, s: 2))
            try await stage.wait(for: .warm, 1)
            try await body(stage, connection)
        }
    }

    private static func rename(_ stage: Stage, _ connection: ScriptedConnection) async throws {
        connection.send(Self.rename(1, s: 3, to: "quay"))
        try await eventually("its watermark") { stage.process.coordinator.told(stage.slot)?.session?.sequence == 3 }
    }

    @Test func `A slot is let go of once Redis has answered what it wrote`() async throws {
        try await Self.end("end-answered") { stage, connection in
            stage.proxy.apply(.stall(milliseconds: 1_000))
            try await Self.rename(stage, connection)
            stage.process.coordinator.grant([])
            try await eventually("the end") { connection.isClosed }
            #expect(stage.process.metrics.prometheusText().contains("flotilla_shard_cache_writes_total 3"))
        }
    }

    @Test func `A Redis that does not answer holds no slot for longer than an event`() async throws {
        try await Self.end("end-patience", patience: .milliseconds(50)) { stage, connection in
            stage.proxy.apply(.stall(milliseconds: 60_000))
            try await Self.rename(stage, connection)
            stage.process.coordinator.grant([])
            try await eventually(within: .seconds(6), "the end") { connection.isClosed }
        }
    }

    @Test func `The next owner is told of writes without an answer`() async throws {
        try await Self.end("end-told", flush: "200ms") { stage, connection in
            stage.proxy.apply(.stall(milliseconds: 60_000))
            try await Self.rename(stage, connection)
            #expect(stage.process.coordinator.told(stage.slot)?.session?.cacheIsBehind == nil)
            await stage.process.shard.triggerGracefulShutdown()
            try await eventually("the last word") { stage.process.coordinator.now.final != nil }
            let final = try #require(stage.process.coordinator.now.final?.slots.first)
            #expect(final.session?.sequence == 3 && final.session?.cacheIsBehind == true)
        }
    }

    @Test func `Answers that come after the end are heard`() async throws {
        try await Self.end("end-heard", flush: "200ms") { stage, connection in
            func listed() async throws -> [String] {
                try await stage.redis.command("ZRANGE", .string(stage.keys.unsure), 0, -1).array?
                    .compactMap(\.string) ?? []
            }
            // As if the write before had been lost: the next one finds it missing.
            try await stage.redis.command("HSET", .string(stage.keys.meta(of: 1 << 22)), "s", 1)
            stage.proxy.apply(.stall(milliseconds: 1_500))
            try await Self.rename(stage, connection)
            stage.process.coordinator.grant([])
            try await eventually("the end") { connection.isClosed }
            #expect(try await listed().isEmpty)
            try await eventually("the guild on the list of those to fetch") { try await listed() == ["\(1 << 22)"] }
            #expect(try await stage.status(1) == .unsure)
        }
    }
}
