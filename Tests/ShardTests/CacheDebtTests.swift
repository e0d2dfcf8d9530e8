import GuildCache
import TestSupport
import Testing

@testable import Shard

extension ShardCacheTests {
    @Test func `A queue that is full while Redis is there does not stop the event loop`() async throws {
        // Nobody gives Redis up as slow while it stalls: debts are looked after all the time.
        try await Self.run(
            "full",
            configure: { settings in
                settings.slot.cache?.limits.bytes = 4_096
                settings.slot.cache?.limits.patience = .seconds(20)
                settings.slot.cache?.limits.stall = .milliseconds(100)
            }
        ) { stage in
            let connection = try await stage.begin(guilds: [1])
            connection.send(Self.create(1, s: 2))
            try await stage.wait(for: .warm, 1)
            stage.proxy.apply(.stall(milliseconds: 1_500))
            for s in 3..<60 { connection.send(Self.rename(1, s: s, to: "n\(s)")) }
            try await stage.process.topology.waitFor(sequences: 3..<60)
            try await stage.wait(for: .unsure, 1)
        }
    }
}
