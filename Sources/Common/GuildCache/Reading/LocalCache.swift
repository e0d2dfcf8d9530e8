import NIOCore

/// What a process has read of late. Bounded in bytes: of two halves the older is dropped when the younger is full, and
/// what is found in the older moves over.
struct LocalCache: Sendable {
    typealias Instant = ContinuousClock.Instant

    struct GuildKey: Hashable, Sendable {
        let application: UInt64
        let guild: UInt64
    }

    struct ItemKey: Hashable, Sendable {
        let kind: CacheKind
        let id: UInt64
    }

    struct Item: Sendable {
        let answer: CacheAnswer<ByteBuffer>
        let expires: Instant
    }

    private struct Guild: Sendable {
        var items: [ItemKey: Item] = [:]
        var bytes = 0
    }

    /// An entry's share of the tables, in bytes.
    static let overhead = 128

    private let capacity: Int
    private var young: [GuildKey: Guild] = [:]
    private var old: [GuildKey: Guild] = [:]
    private var youngBytes = 0
    private var oldBytes = 0
    /// Counts what was thrown out: a value read before must not come in after.
    private(set) var invalidations: UInt64 = 0

    /// - Parameter capacity: bytes.
    init(capacity: Int) { self.capacity = capacity }

    var bytes: Int { self.youngBytes + self.oldBytes }

    mutating func item(_ key: ItemKey, of guild: GuildKey, now: Instant) -> Item? {
        if let item = self.young[guild]?.items[key] { return item.expires > now ? item : nil }
        guard let item = self.old[guild]?.items[key], item.expires > now else { return nil }
        self.insert(item, key, of: guild)
        return item
    }

    /// - Parameter since: `invalidations` before the value was read.
    mutating func store(_ item: Item, _ key: ItemKey, of guild: GuildKey, since: UInt64) {
        guard since == self.invalidations else { return }
        self.insert(item, key, of: guild)
    }

    private mutating func insert(_ item: Item, _ key: ItemKey, of guild: GuildKey) {
        let size = Self.size(item)
        if self.youngBytes + size > self.capacity / 2 {
            (self.old, self.oldBytes) = (self.young, self.youngBytes)
            (self.young, self.youngBytes) = ([:], 0)
        }
        // Larger than half of all: not kept.
        guard size <= self.capacity / 2 else { return }
        let replaced = self.young[guild]?.items[key].map(Self.size) ?? 0
        self.young[guild, default: Guild()].items[key] = item
        self.young[guild]?.bytes += size - replaced
        self.youngBytes += size - replaced
    }

    private static func size(_ item: Item) -> Int { self.overhead + (item.answer.value?.readableBytes ?? 0) }

    /// Forgets these kinds of a guild.
    mutating func invalidate(_ kinds: Set<CacheKind>, of guild: GuildKey) {
        self.invalidations += 1
        self.youngBytes -= Self.remove(kinds, of: guild, from: &self.young)
        self.oldBytes -= Self.remove(kinds, of: guild, from: &self.old)
    }

    private static func remove(_ kinds: Set<CacheKind>, of key: GuildKey, from half: inout [GuildKey: Guild]) -> Int {
        guard var guild = half[key] else { return 0 }
        let before = guild.bytes
        guild.items = guild.items.filter { item in
            guard kinds.contains(item.key.kind) else { return true }
            guild.bytes -= Self.size(item.value)
            return false
        }
        half[key] = guild.items.isEmpty ? nil : guild
        return before - guild.bytes
    }
}
