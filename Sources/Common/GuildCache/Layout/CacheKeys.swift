package import Discord

/// The names of the cache's keys. Those of a guild have its id as their hash tag, so that one script can change them in
/// a cluster. Each application has its own: two may see the same guild with different rights.
package struct CacheKeys: Sendable, Hashable {
    package let application: Snowflake

    package init(application: Snowflake) { self.application = application }

    /// The guild itself; all its other keys begin with this.
    package func guild(_ guild: UInt64) -> String { "a:\(self.application):g:{\(guild)}" }

    package func kind(_ kind: CacheKind, of guild: UInt64) -> String {
        kind == .guild ? self.guild(guild) : "\(self.guild(guild)):\(kind.rawValue)"
    }

    /// State and version.
    package func meta(of guild: UInt64) -> String { "\(self.guild(guild)):meta" }
    /// What changes of a channel without a CHANNEL_UPDATE.
    package func notes(of guild: UInt64) -> String { "\(self.guild(guild)):notes" }
    /// The bot's own memberships of threads.
    package func ownThreads(of guild: UInt64) -> String { "\(self.guild(guild)):threads:own" }

    /// Is there while Redis has not been flushed; holds the layout's version.
    package var marker: String { "a:\(self.application):cache" }
    package static let layout = "1"

    /// Guilds that are to be fetched over REST, by when (milliseconds since 1970).
    package var unsure: String { "a:\(self.application):unsure" }

    /// What commands told the slots of a generation to show.
    package func presences(generation: Int) -> String { "a:\(self.application):presence:\(generation)" }

    // MARK: The index of guilds

    /// Has divisors in common with most shard counts: a shard that looks for its guilds reads few buckets besides its
    /// own.
    package static let buckets = 2_880

    package static func bucket(of guild: UInt64) -> Int { Int((guild >> 22) % UInt64(Self.buckets)) }

    package func index(bucket: Int) -> String { "a:\(self.application):guilds:\(bucket)" }

    /// The buckets that hold every guild of a shard, and others besides.
    package static func buckets(of shard: ShardID) -> [Int] {
        var divisor = Self.buckets
        var rest = shard.count
        while rest > 0 { (divisor, rest) = (rest, divisor % rest) }
        return Array(stride(from: shard.id % divisor, to: Self.buckets, by: divisor))
    }
}
