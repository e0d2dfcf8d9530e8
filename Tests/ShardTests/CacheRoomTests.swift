import ClusterAPI
import GuildCache
import Runtime
import TestSupport
import Testing

@testable import Shard

/// A process whose cache queue fills, with the real Redis.
extension ShardCacheTests {
    /// 27 KB.
    private static func large(_ guild: UInt64, s: Int) -> String {
        """
        {"op":0,"t":"GUILD_CREATE","s":\(s),"d":{"id":"\(guild << 22)","name":"g\(guild)","owner_id":"5",\
        "member_count":1,"description":"\(String(repeating: "x", count: 27_000))","channels":[],"roles":[],\
        "members":[]}}
        """
    }

    private static func hasMetric(_ stage: Stage, _ line: String) -> Bool {
        stage.process.metrics.prometheusText().contains("\n\(line)\n")
    }

    private static func count(_ stage: Stage, _ metric: String) -> Int {
        let line = stage.process.metrics.prometheusText().split(separator: "\n").first { $0.hasPrefix("\(metric) ") }
        return line.flatMap { Int($0.dropFirst(metric.utf8.count + 1)) } ?? 0
    }

    @Test func `Far more guilds than there is room for are all written`() async throws {
        try await Self.run(
            "room",
            configure: { settings in
                settings.slot.cache?.limits.bytes = 512 << 10
                settings.slot.cache?.limits.patience = .milliseconds(50)
                settings.slot.cache?.limits.stall = .seconds(20)
                settings.slot.cache?.limits.longestPause = .seconds(20)
            }
        ) { stage in
            let guilds = Array(1...200 as ClosedRange<UInt64>)
            let connection = try await stage.begin(guilds: guilds)
            try await stage.wait(for: .filling, 200)
            stage.proxy.apply(.stall(milliseconds: 60_000))
            for guild in guilds { connection.send(Self.large(guild, s: Int(guild) + 1)) }
            try await eventually("an unread socket") { Self.hasMetric(stage, "flotilla_shard_pauses_total 1") }
            // What was taken in leaves, and is confirmed. That does not make the socket be read.
            try await eventually("its watermark") {
                let taken = Self.count(stage, "flotilla_shard_events_total")
                return taken >= 10 && stage.process.coordinator.told(stage.slot)?.session?.sequence == Int64(taken)
            }
            #expect(Self.count(stage, "flotilla_shard_events_total") < 20)
            #expect(Self.hasMetric(stage, "flotilla_shard_pauses_total 1"))
            stage.proxy.mend()
            try await stage.process.topology.waitFor(sequences: 2...201)
            for guild in guilds { try await stage.wait(for: .warm, guild) }
            #expect(Self.hasMetric(stage, "flotilla_shard_cache_skipped_total 0"))
            #expect(Self.hasMetric(stage, "flotilla_shard_cache_doubted_total 0"))
        }
    }

    @Test func `Room in the cache is no reason to read while there is another one not to`() async throws {
        try await Self.run(
            "reasons",
            configure: { settings in
                settings.slot.mostUnsettled = 3
                settings.slot.cache?.limits.bytes = 128 << 10
                settings.slot.cache?.limits.patience = .milliseconds(50)
                settings.slot.cache?.limits.stall = .seconds(20)
                settings.slot.cache?.limits.longestPause = .seconds(20)
            }
        ) { stage in
            let connection = try await stage.begin(guilds: [1, 2])
            try await stage.wait(for: .filling, 2)
            try await stage.process.topology.unbindLanes()
            stage.proxy.apply(.stall(milliseconds: 60_000))
            for s in 2..<20 { connection.send(Self.large(UInt64(s % 2) + 1, s: s)) }
            try await eventually("an unread socket") { Self.hasMetric(stage, "flotilla_shard_pauses_total 1") }
            try await eventually("READY and what makes too many") {
                Self.count(stage, "flotilla_shard_events_total") == 4
            }
            stage.proxy.mend()
            try await eventually("an empty queue") { Self.hasMetric(stage, "flotilla_shard_cache_queued_bytes 0.0") }
            #expect(Self.hasMetric(stage, "flotilla_shard_pauses_total 1"))
            #expect(Self.count(stage, "flotilla_shard_events_total") == 4)
            try await stage.process.topology.bindLanes()
            try await stage.process.topology.waitFor(sequences: 2..<20)
        }
    }

    @Test func `A Redis that hangs leaves no socket unread for long`() async throws {
        try await Self.run(
            "hang",
            configure: { settings in
                settings.slot.cache?.limits.bytes = 64 << 10
                settings.slot.cache?.limits.patience = .milliseconds(50)
                settings.slot.cache?.limits.stall = .milliseconds(300)
            }
        ) { stage in
            let connection = try await stage.begin(guilds: [1, 2])
            try await stage.wait(for: .filling, 2)
            stage.proxy.apply(.stall(milliseconds: 60_000))
            for s in 2..<20 { connection.send(Self.large(1, s: s)) }
            try await stage.process.topology.waitFor(sequences: 2..<20)
            // Once is enough: no further event waits.
            #expect(Self.hasMetric(stage, "flotilla_shard_pauses_total 1"))
            #expect(!Self.hasMetric(stage, "flotilla_shard_cache_skipped_total 0"))
            stage.proxy.mend()
            // What was skipped is a debt, as ever.
            try await stage.wait(for: .unsure, 1)
            connection.send(Self.large(2, s: 20))
            try await stage.wait(for: .warm, 2)
        }
    }
}
