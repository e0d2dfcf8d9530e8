import Discord
import GuildCache
import TestSupport
import Testing

@Suite("Cache keys")
struct KeyTests {
    @Test func `All of a guild's keys have its id as hash tag`() {
        let keys = CacheKeys(application: 7)
        let all = CacheKind.allCases.map { keys.kind($0, of: 42) } + [keys.meta(of: 42), keys.notes(of: 42)]
        #expect(Set(all).count == all.count)
        #expect(all.allSatisfy { $0.hasPrefix("a:7:g:{42}") })
    }

    @Test(arguments: [1, 2, 7, 16, 48, 1_000, 1_024, 2_880, 4_801])
    func `A shard's buckets hold all of its guilds`(count: Int) throws {
        var random = SeededGenerator(seed: UInt64(count))
        for _ in 0..<200 {
            let guild = UInt64.random(in: 0 ... .max, using: &random)
            let shard = ShardID.shard(for: Snowflake(rawValue: guild), count: count)
            let buckets = CacheKeys.buckets(of: try #require(ShardID(id: shard, count: count)))
            #expect(buckets.contains(CacheKeys.bucket(of: guild)))
        }
    }

    @Test func `Few buckets hold others' guilds as well`() throws {
        // Shares of the whole: a shard of 16 reads a sixteenth, one of 1,000 a fortieth.
        #expect(CacheKeys.buckets(of: try #require(ShardID(id: 3, count: 16))).count == 180)
        #expect(CacheKeys.buckets(of: try #require(ShardID(id: 999, count: 1_000))).count == 72)
    }

    @Test func `Orders sort as text`() {
        let orders = [
            CacheOrder(generation: 1, epoch: 9, ordinal: 3), CacheOrder(generation: 1, epoch: 10, ordinal: 0),
            CacheOrder(generation: 1, epoch: 10, ordinal: 12), CacheOrder(generation: 2, epoch: 1, ordinal: 0),
            CacheOrder(generation: 10, epoch: 1 << 40, ordinal: 7),
        ]
        #expect(orders.map(\.text) == orders.map(\.text).sorted())
        #expect(orders == orders.sorted())
        #expect(Set(orders.map { $0.text.count }).count == 1)
    }
}
