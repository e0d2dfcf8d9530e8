package import Discord

/// Which members of a guild to ask the gateway for (Discord docs, Gateway Events, Request Guild Members).
package struct MembersRequest: Sendable, Codable, Equatable {
    /// One op 8 takes 100 ids; more are asked for in parts.
    package static let mostUserIDs = 10_000
    package static let userIDsInPart = 100
    private static let longestQuery = 100

    package let guildID: Snowflake
    /// What names begin with; empty with limit 0: all members. nil with `userIDs`.
    package let query: String?
    /// 1 to 100; 0 only for all members.
    package let limit: Int?
    package let userIDs: [Snowflake]?
    package let presences: Bool

    private init(guildID: Snowflake, query: String?, limit: Int?, userIDs: [Snowflake]?, presences: Bool) {
        self.guildID = guildID
        self.query = query
        self.limit = limit
        self.userIDs = userIDs
        self.presences = presences
    }

    /// Needs the intent GUILD_MEMBERS; Discord takes one of these a guild in 30 s.
    package static func all(of guild: Snowflake, presences: Bool = false) -> MembersRequest {
        MembersRequest(guildID: guild, query: "", limit: 0, userIDs: nil, presences: presences)
    }

    /// - Parameter limit: 1 to 100.
    package static func named(
        _ prefix: String, in guild: Snowflake, limit: Int, presences: Bool = false
    ) -> MembersRequest {
        MembersRequest(guildID: guild, query: prefix, limit: limit, userIDs: nil, presences: presences)
    }

    /// - Parameter ids: 1 to ``mostUserIDs``.
    package static func users(_ ids: [Snowflake], in guild: Snowflake, presences: Bool = false) -> MembersRequest {
        MembersRequest(guildID: guild, query: nil, limit: nil, userIDs: ids, presences: presences)
    }

    private enum CodingKeys: String, CodingKey {
        case guildID = "guild_id"
        case query, limit
        case userIDs = "user_ids"
        case presences
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.guildID = try container.decode(Snowflake.self, forKey: .guildID)
        self.query = try container.decodeIfPresent(String.self, forKey: .query)
        self.limit = try container.decodeIfPresent(Int.self, forKey: .limit)
        self.userIDs = try container.decodeIfPresent([Snowflake].self, forKey: .userIDs)
        self.presences = try container.decodeIfPresent(Bool.self, forKey: .presences) ?? false
    }

    package var asksForAll: Bool { self.query == "" && self.limit == 0 }

    /// Each id once, in the order given, as many a part as one op 8 takes; one empty part for a query.
    package var parts: [[Snowflake]] {
        guard let userIDs else { return [[]] }
        var seen: Set<Snowflake> = []
        let ids = userIDs.filter { seen.insert($0).inserted }
        return stride(from: 0, to: ids.count, by: Self.userIDsInPart).map {
            Array(ids[$0..<min($0 + Self.userIDsInPart, ids.count)])
        }
    }

    /// - Throws: `.badRequest` with the value's name.
    package func validate(intents: Intents) throws(ControlProblem) {
        switch (self.query, self.userIDs) {
        case (nil, nil), (.some, .some): throw ControlProblem(.badRequest, "expected either query or user_ids")
        case (nil, let ids?):
            guard (1...Self.mostUserIDs).contains(ids.count) else {
                throw ControlProblem(.badRequest, "user_ids: expected 1 to \(Self.mostUserIDs) ids")
            }
            guard self.limit == nil || self.limit == 0 else {
                throw ControlProblem(.badRequest, "limit: expected none with user_ids")
            }
        case (let query?, nil):
            guard query.count <= Self.longestQuery else {
                throw ControlProblem(.badRequest, "query: expected at most \(Self.longestQuery) characters")
            }
            guard let limit = self.limit, (1...100).contains(limit) || self.asksForAll else {
                throw ControlProblem(.badRequest, "limit: expected 1 to 100, or 0 with an empty query")
            }
            if self.asksForAll, !intents.contains(.guildMembers) {
                throw ControlProblem(.badRequest, "all members: the slot has no intent GUILD_MEMBERS")
            }
        }
        if self.presences, !intents.contains(.guildPresences) {
            throw ControlProblem(.badRequest, "presences: the slot has no intent GUILD_PRESENCES")
        }
    }
}
