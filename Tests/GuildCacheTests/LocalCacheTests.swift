import NIOCore
import TestSupport
import Testing

@testable import GuildCache

@Suite("What a process keeps of the cache")
struct LocalCacheTests {
    private static let now = ContinuousClock.now

    private static func item(_ bytes: Int, expires: Duration = .seconds(1)) -> LocalCache.Item {
        .init(answer: .known(ByteBuffer(repeating: 0x20, count: bytes)), expires: Self.now + expires)
    }

    private static func guild(_ id: UInt64) -> LocalCache.GuildKey { .init(application: 1, guild: id) }
    private static let key = LocalCache.ItemKey(kind: .roles, id: 1)

    @Test func `It is bounded, and keeps what is read`() {
        var cache = LocalCache(capacity: 100_000)
        for id in 0..<10_000 as Range<UInt64> {
            cache.store(Self.item(872), Self.key, of: Self.guild(id), since: 0)
            #expect(cache.bytes <= 100_000)
            // Guild 0 is read all the time.
            if id > 0 { #expect(cache.item(Self.key, of: Self.guild(0), now: Self.now) != nil) }
        }
        #expect(cache.item(Self.key, of: Self.guild(9_999), now: Self.now) != nil)
        #expect(cache.item(Self.key, of: Self.guild(5_000), now: Self.now) == nil)
        cache.store(Self.item(60_000), Self.key, of: Self.guild(1), since: 0)
        #expect(cache.item(Self.key, of: Self.guild(1), now: Self.now) == nil)
    }

    @Test func `Storing again counts once`() {
        var cache = LocalCache(capacity: 100_000)
        for _ in 0..<100 { cache.store(Self.item(872), Self.key, of: Self.guild(1), since: 0) }
        #expect(cache.bytes == 1_000)
        cache.invalidate([.roles], of: Self.guild(1))
        #expect(cache.bytes == 0)
    }

    @Test func `Its time ends`() {
        var cache = LocalCache(capacity: 100_000)
        cache.store(Self.item(8), Self.key, of: Self.guild(1), since: 0)
        #expect(cache.item(Self.key, of: Self.guild(1), now: Self.now + .milliseconds(999)) != nil)
        #expect(cache.item(Self.key, of: Self.guild(1), now: Self.now + .seconds(1)) == nil)
    }

    @Test func `A value read before an event does not come in after it`() {
        var cache = LocalCache(capacity: 100_000)
        let since = cache.invalidations
        cache.invalidate([.roles], of: Self.guild(1))
        cache.store(Self.item(8), Self.key, of: Self.guild(1), since: since)
        #expect(cache.item(Self.key, of: Self.guild(1), now: Self.now) == nil)
    }

    @Test func `Only the kinds that changed go`() {
        var cache = LocalCache(capacity: 100_000)
        let other = LocalCache.ItemKey(kind: .channels, id: 1)
        cache.store(Self.item(8), Self.key, of: Self.guild(1), since: 0)
        cache.store(Self.item(8), other, of: Self.guild(1), since: 0)
        cache.invalidate([.roles], of: Self.guild(1))
        #expect(cache.item(Self.key, of: Self.guild(1), now: Self.now) == nil)
        #expect(cache.item(other, of: Self.guild(1), now: Self.now) != nil)
    }
}
