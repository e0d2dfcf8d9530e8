package import Redis

/// Where a guild's cache stood when REST was asked. What was written since then is newer than what REST tells.
package struct CacheStamp: Sendable, Equatable {
    package let session: String
    package let created: String
    package let doubts: String
    package let status: CachedGuildState.Status?
    package let unsure: Set<CacheKind>
    /// The last change of each kind.
    let changes: [CacheKind: String]

    private static let fields = ["session", "created", "doubts", "state", "unsure"]
    private static let kinds = CacheKind.allCases

    /// Appends the command whose reply makes a stamp.
    package static func append(of guild: UInt64, _ keys: CacheKeys, to pipeline: inout RedisPipeline) {
        let fields = Self.fields + Self.kinds.map { "c:\($0.rawValue)" }
        pipeline.append(RedisCommand(["HMGET", .string(keys.meta(of: guild))] + fields.map { .string($0) }))
    }

    /// `nil` for what is no such reply.
    package init?(_ reply: RESPValue) {
        guard let values = reply.array, values.count == Self.fields.count + Self.kinds.count else { return nil }
        let texts = values.map { $0.string ?? "" }
        self.session = texts[0]
        self.created = texts[1]
        self.doubts = texts[2]
        self.status = CachedGuildState.Status(rawValue: texts[3])
        self.unsure = Set(texts[4].split(separator: ",").compactMap { CacheKind(rawValue: String($0)) })
        self.changes = Dictionary(uniqueKeysWithValues: zip(Self.kinds, texts.dropFirst(Self.fields.count)))
    }

    /// What REST should be asked for.
    ///
    /// - Parameter kept: kinds of which everything is kept.
    package func wanted(kept: Set<CacheKind>) -> Set<CacheKind> {
        switch self.status {
        case nil: kept.intersection(CacheKind.overREST)
        case .unsure, .filling: self.unsure.intersection(CacheKind.overREST)
        case .warm, .unavailable, .gone: []
        }
    }
}

/// What an application's shards keep, as the marker tells.
package struct CacheMarker: Sendable, Equatable {
    package let whole: Set<CacheKind>

    package static func text(_ kinds: CacheKinds) -> String { "\(CacheKeys.layout) \(kinds.whole)" }

    /// `nil` when it is not there, or of a layout that is not known.
    package init?(_ text: String?) {
        let parts = (text ?? "").split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0] == CacheKeys.layout else { return nil }
        self.whole = Set(parts[1].split(separator: ",").compactMap { CacheKind(rawValue: String($0)) })
    }
}
