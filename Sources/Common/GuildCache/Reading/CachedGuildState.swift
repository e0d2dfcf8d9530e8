/// What is known of a guild's cache as a whole.
package struct CachedGuildState: Sendable, Equatable {
    package enum Status: String, Sendable {
        /// READY has named the guild; its GUILD_CREATE, or members, are to come.
        case filling
        case warm
        /// Something may have been missed: `unsure` says of what.
        case unsure
        /// Discord says that the guild is away; what is kept is of before.
        case unavailable
        /// The bot is not in the guild any more.
        case gone
    }

    package let status: Status
    /// Kinds that may be out of date.
    package let unsure: Set<CacheKind>
    /// Kinds of which everything is kept.
    package let kinds: Set<CacheKind>
    /// Kinds of which a part is kept.
    package let parts: Set<CacheKind>
    package let memberCount: Int?
    /// ISO 8601, as Discord sent it.
    package let joinedAt: String?
    package let isLarge: Bool?
    /// Whose events were written last; empty for a guild that only REST has told of.
    package let session: String
    package let sequence: Int64

    /// Whether what is kept of a kind can be relied on.
    package func isCertain(of kind: CacheKind) -> Bool {
        switch self.status {
        case .warm, .filling, .unsure: !self.unsure.contains(kind)
        case .unavailable, .gone: false
        }
    }
}

extension CachedGuildState {
    static let fields = [
        "state", "unsure", "kinds", "parts", "session", "s", "member_count", "joined_at", "large",
    ]

    /// - Parameter values: of `fields`; `nil` when the guild is not in the cache.
    init?(_ values: [String?]) {
        guard values.count == Self.fields.count, let status = values[0].flatMap(Status.init(rawValue:)) else {
            return nil
        }
        self.status = status
        self.unsure = Self.kinds(values[1])
        self.kinds = Self.kinds(values[2])
        self.parts = Self.kinds(values[3])
        self.session = values[4] ?? ""
        self.sequence = values[5].flatMap { Int64($0) } ?? 0
        self.memberCount = values[6].flatMap { Int($0) }
        self.joinedAt = values[7].map { $0.filter { $0 != "\"" } }
        self.isLarge = values[8].map { $0 == "true" }
    }

    private static func kinds(_ list: String?) -> Set<CacheKind> {
        Set((list ?? "").split(separator: ",").compactMap { CacheKind(rawValue: String($0)) })
    }
}
