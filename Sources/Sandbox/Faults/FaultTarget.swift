import Discord

/// Whom a fault meets: the sessions and connections that fit everything that is set.
struct FaultTarget: Sendable, Equatable {
    /// A session with its client, a session without one, or a client without a session.
    struct Candidate: Sendable, Equatable {
        var connection: Int64?
        var session: String?
        var user: Snowflake?
        var isPerson = false
        var shard: ShardID?
    }

    static let all = FaultTarget()

    var application: Snowflake?
    var shard: ShardID?
    var session: String?
    var connection: Int64?
    /// So many of a hundred, chosen by application and shard: the same ones for the same salt in every run.
    var percent: Int?
    /// One of all that fit: the one at this place, counted round and round.
    var pick: UInt64?

    /// - Parameters:
    ///   - salt: differs from fault to fault, so that `percent` does not always mean the same ones.
    ///   - includesDetached: whether sessions without a client can be meant.
    func select(from candidates: [Candidate], salt: UInt64, includesDetached: Bool) -> [Candidate] {
        let named = self.session != nil || self.connection != nil
        let fitting = candidates.filter { candidate in
            if candidate.connection == nil, !includesDetached { return false }
            // People look on while bots are tried; they are only met by name.
            if candidate.isPerson, !named { return false }
            if let application, candidate.user != application { return false }
            if let shard, candidate.shard != shard { return false }
            if let session, candidate.session != session { return false }
            if let connection, candidate.connection != connection { return false }
            if let percent { return Self.lot(of: candidate, salt: salt) < UInt64(max(percent, 0)) }
            return true
        }.sorted { Self.order($0).lexicographicallyPrecedes(Self.order($1)) }
        guard let pick else { return fitting }
        return fitting.isEmpty ? [] : [fitting[Int(pick % UInt64(fitting.count))]]
    }

    private static func lot(of candidate: Candidate, salt: UInt64) -> UInt64 {
        var lot = SeededRandom.mix(salt)
        for part in [candidate.user?.rawValue, candidate.shard.map { UInt64($0.count) << 32 | UInt64($0.id) }] {
            lot = SeededRandom.mix(lot ^ (part ?? 0))
        }
        // Clients that have no session yet have no shard either.
        if candidate.shard == nil { lot = SeededRandom.mix(lot ^ UInt64(clamping: candidate.connection ?? 0)) }
        return lot % 100
    }

    /// Shards in their order; what has none comes last.
    private static func order(_ candidate: Candidate) -> [UInt64] {
        [
            candidate.user?.rawValue ?? .max, UInt64(candidate.shard?.count ?? .max),
            UInt64(candidate.shard?.id ?? .max), UInt64(clamping: candidate.connection ?? .max),
        ]
    }
}
