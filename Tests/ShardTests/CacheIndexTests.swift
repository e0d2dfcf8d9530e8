import ClusterAPI
import Discord
import GuildCache
import Redis
import TestSupport
import Testing

extension ShardCacheTests {
    @Test func `A guild that is left and joined again at once stays on the index`() async throws {
        try await Self.run("index") { stage in
            let connection = try await stage.begin(guilds: [1])
            connection.send(Self.create(1, s: 2))
            try await stage.wait(for: .warm, 1)
            // Both are on their way to Redis before either is answered, as in the replay after a RESUME.
            stage.proxy.apply(.stall(milliseconds: 200))
            connection.send(#"{"op":0,"t":"GUILD_DELETE","s":3,"d":{"id":"\#(1 << 22)"}}"#)
            connection.send(Self.create(1, s: 4))
            try await stage.process.topology.waitFor(sequences: [4])
            try await eventually("the guild's last write") {
                try await stage.reader.state(of: stage.guild(1))?.sequence == 4
            }
            // What the answers brought about goes to Redis ahead of this.
            connection.send(Self.rename(1, s: 5, to: "harbour"))
            try await eventually("a write after it") {
                try await stage.reader.state(of: stage.guild(1))?.sequence == 5
            }
            #expect(try await stage.index(of: 1) == ["\(1 << 22)"])
            #expect(try await stage.status(1) == .warm)
        }
    }

    @Test func `A guild that READY names is on the index before its GUILD_CREATE comes`() async throws {
        try await Self.run("index") { stage in
            let connection = try await stage.begin(guilds: [1])
            try await stage.wait(for: .filling, 1)
            #expect(try await stage.index(of: 1) == ["\(1 << 22)"])
            connection.send(#"{"op":0,"t":"GUILD_DELETE","s":2,"d":{"id":"\#(1 << 22)","unavailable":true}}"#)
            try await stage.wait(for: .unavailable, 1)
            #expect(try await stage.index(of: 1) == ["\(1 << 22)"])
        }
    }

    @Test func `An unsure guild is on index and list though its last owner told neither`() async throws {
        try await Self.run("index") { stage in
            let connection = try await stage.begin(guilds: [1])
            connection.send(Self.create(1, s: 2))
            try await stage.wait(for: .warm, 1)
            // Redis was flushed, and whoever wrote first after that was gone before it heard the answer.
            let id = "\(1 << 22)"
            try await stage.redis.command(
                "HSET", .string(stage.keys.meta(of: 1 << 22)), "state", "unsure", "unsure", "channels")
            try await stage.redis.command("DEL", .string(stage.keys.index(bucket: CacheKeys.bucket(of: 1 << 22))))
            stage.grant(
                epoch: 2,
                session: SessionState(sessionID: "abc", resumeURL: stage.process.discord.url, sequence: 2))
            let next = try await stage.process.discord.connection(1)
            next.hello()
            _ = try await next.body(op: 6)
            next.resumed(3)
            next.send(Self.rename(1, s: 4, to: "harbour"))
            try await eventually("the guild on index and list") {
                let listed = try await stage.redis.command("ZRANGE", .string(stage.keys.unsure), 0, -1)
                return try await stage.index(of: 1) == [id] && listed.array?.compactMap(\.string) == [id]
            }
        }
    }
}

extension ShardCacheTests.Stage {
    fileprivate func index(of guild: UInt64) async throws -> [String] {
        let bucket = CacheKeys.bucket(of: guild << 22)
        let reply = try await self.redis.command("SMEMBERS", .string(self.keys.index(bucket: bucket)))
        return reply.array?.compactMap(\.string) ?? []
    }
}
