import Foundation

/// Op 3's body (Discord docs, Gateway Events, Update Presence), with what a bot may set.
package struct PresenceUpdate: Sendable, Codable, Equatable {
    package enum Status: String, Sendable, Codable, CaseIterable {
        case online, dnd, idle, invisible, offline
    }

    package struct Activity: Sendable, Codable, Equatable {
        package let name: String
        /// 0 playing, 1 streaming, 2 listening, 3 watching, 4 custom, 5 competing.
        package let type: Int
        package let state: String?
        /// For streaming.
        package let url: String?

        package init(name: String, type: Int, state: String? = nil, url: String? = nil) {
            self.name = name
            self.type = type
            self.state = state
            self.url = url
        }
    }

    /// Of its JSON. Each IDENTIFY tells it again, in whose 4,096 bytes the token, the properties and the intents need
    /// room as well.
    package static let mostBytes = 3_072
    package static let mostActivities = 10
    private static let longestText = 128
    private static let longestURL = 512

    /// Milliseconds since 1970 when the client went idle; nil: it is not idle.
    package let since: Int64?
    package let activities: [Activity]
    package let status: Status
    package let afk: Bool

    package init(status: Status, activities: [Activity] = [], since: Int64? = nil, afk: Bool = false) {
        self.since = since
        self.activities = activities
        self.status = status
        self.afk = afk
    }

    private enum CodingKeys: CodingKey { case since, activities, status, afk }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        self.since = try container.decodeIfPresent(Int64.self, forKey: .since)
        self.activities = try container.decodeIfPresent([Activity].self, forKey: .activities) ?? []
        self.status = try container.decode(Status.self, forKey: .status)
        self.afk = try container.decodeIfPresent(Bool.self, forKey: .afk) ?? false
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        // Discord wants the key, null included.
        try container.encode(self.since, forKey: .since)
        try container.encode(self.activities, forKey: .activities)
        try container.encode(self.status, forKey: .status)
        try container.encode(self.afk, forKey: .afk)
    }

    /// Whether Discord takes it, in an op 3 and in an IDENTIFY.
    ///
    /// - Throws: `.badRequest` with the value's name.
    package func validate() throws(ControlProblem) {
        if let since, since < 0 { throw ControlProblem(.badRequest, "since: expected milliseconds since 1970") }
        guard self.activities.count <= Self.mostActivities else {
            throw ControlProblem(
                .badRequest,
                "activities: expected at most \(Self.mostActivities), was given \(self.activities.count)")
        }
        for (index, activity) in self.activities.enumerated() {
            guard (1...Self.longestText).contains(activity.name.count) else {
                throw ControlProblem(
                    .badRequest, "activities.\(index).name: expected 1 to \(Self.longestText) characters")
            }
            guard (0...5).contains(activity.type) else {
                throw ControlProblem(.badRequest, "activities.\(index).type: expected 0 to 5")
            }
            guard activity.state?.count ?? 0 <= Self.longestText else {
                throw ControlProblem(
                    .badRequest, "activities.\(index).state: expected at most \(Self.longestText) characters")
            }
            if let url = activity.url {
                guard url.utf8.count <= Self.longestURL, url.hasPrefix("https://") || url.hasPrefix("http://") else {
                    throw ControlProblem(
                        .badRequest,
                        "activities.\(index).url: expected an http or https URL of at most \(Self.longestURL) bytes")
                }
            }
        }
        try self.validateSize()
    }

    /// One character may have any number of bytes.
    private func validateSize() throws(ControlProblem) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        guard let bytes = try? encoder.encode(self).count else {
            throw ControlProblem(.badRequest, "the presence can't be written as JSON")
        }
        guard bytes <= Self.mostBytes else {
            throw ControlProblem(
                .badRequest, "the presence has \(bytes) bytes as JSON, expected at most \(Self.mostBytes)")
        }
    }
}
