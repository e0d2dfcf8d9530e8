import Discord
import Logging
import NIOCore
import Redis
import TestSupport
import Testing

@testable import GuildCache

@Suite("Notes of presences, on Redis", .timeLimit(.minutes(1)))
struct PresenceNoteTests {
    @Test func `A later owner's note stays, each shard has its own, and null is none`() async throws {
        let redis = try RedisClient(
            configuration: RedisConfiguration(url: TestEnvironment.redisURL),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let keys = CacheKeys(application: Snowflake(rawValue: .random(in: 1 << 40...1 << 60)))
        let note = PresenceNote(keys, generation: 2, shard: 3)
        func read(_ note: PresenceNote) async throws -> String? {
            var pipeline = RedisPipeline()
            note.appendRead(to: &pipeline)
            let reply = try #require(await redis.pipeline(pipeline).first)
            return PresenceNote.presence(in: reply).map { String(buffer: $0) }
        }
        func write(_ text: String?, epoch: Int64) async throws -> Int64? {
            var pipeline = RedisPipeline()
            note.appendWrite(text.map { ByteBuffer(string: $0) }, epoch: epoch, to: &pipeline)
            return await redis.pipeline(pipeline).first?.integer
        }
        #expect(try await read(note) == nil)
        #expect(try await write(#"{"status":"idle"}"#, epoch: 9) == 1)
        #expect(try await write(#"{"status":"dnd"}"#, epoch: 10) == 1)
        #expect(try await write(#"{"status":"idle"}"#, epoch: 9) == 0)
        #expect(try await read(note) == #"{"status":"dnd"}"#)
        #expect(try await read(PresenceNote(keys, generation: 2, shard: 30)) == nil)
        #expect(try await write(nil, epoch: 10) == 1)
        #expect(try await read(note) == nil)
        try await redis.command("UNLINK", .string(note.key))
        await redis.shutdown()
    }
}
