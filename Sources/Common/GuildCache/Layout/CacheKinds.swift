/// Which kinds are kept: guild, channels and roles always, the others as configured.
package struct CacheKinds: Sendable, Equatable {
    package enum Members: String, CaseIterable, Sendable {
        case off
        /// Those that events show, for a time and up to a number.
        case seen
        /// Every member: asked for at the gateway after GUILD_CREATE. Needs the intent GUILD_MEMBERS.
        case all
    }

    /// How long, and how many in a guild, of what is kept in part.
    package struct Bound: Sendable, Equatable {
        package var seconds: Int
        package var count: Int

        package init(seconds: Int, count: Int) {
            self.seconds = seconds
            self.count = count
        }
    }

    package static let always: [CacheKind] = [.guild, .channels, .roles]
    package static let text = "threads,emojis,stickers,voice,members=seen"

    package var members = Members.seen
    package var keepsPresences = false
    /// The id of each channel's last message, from MESSAGE_CREATE.
    package var keepsLastMessages = false
    package var others: Set<CacheKind> = [.threads, .emojis, .stickers, .voice]
    package var memberBound = Bound(seconds: 3_600, count: 1_000)
    package var presenceBound = Bound(seconds: 900, count: 1_000)

    package init() {}

    /// What a configuration says wrong.
    package struct Problem: Error, CustomStringConvertible {
        package let description: String
    }

    /// - Parameter text: kinds with commas between; `members=off`, `members=seen` or `members=all`.
    package init(_ text: String) throws(Problem) {
        self.members = .off
        self.others = []
        for item in text.split(separator: ",").map({ $0.filter { $0 != " " } }) {
            switch item {
            case "presences": self.keepsPresences = true
            case "last-messages": self.keepsLastMessages = true
            case "guild", "channels", "roles": continue
            case "threads", "emojis", "stickers", "voice", "stages", "events", "sounds":
                if let kind = CacheKind(rawValue: item) { self.others.insert(kind) }
            default:
                guard item.hasPrefix("members="), let mode = Members(rawValue: String(item.dropFirst(8))) else {
                    throw Problem(description: "\(item) is not a kind")
                }
                self.members = mode
            }
        }
    }

    package static let expected =
        "threads, emojis, stickers, voice, stages, events, sounds, presences, last-messages, and members=off, "
        + "members=seen or members=all, with commas between"

    package func keeps(_ kind: CacheKind) -> Bool {
        switch kind {
        case .guild, .channels, .roles: true
        case .members: self.members != .off
        case .presences: self.keepsPresences
        case .threads, .emojis, .stickers, .voice, .stages, .events, .sounds: self.others.contains(kind)
        }
    }

    /// Whether what is kept of a kind is never said to be all of it; then nothing of it is kept either when something
    /// may have been missed.
    package func isInPart(_ kind: CacheKind) -> Bool {
        kind == .presences || kind == .members && self.members == .seen
    }

    package func bound(of kind: CacheKind) -> Bound? {
        guard self.isInPart(kind) else { return nil }
        return kind == .presences ? self.presenceBound : self.memberBound
    }

    /// Kinds of which everything is kept, as the keys' ends with commas between.
    package var whole: String { self.list { !self.isInPart($0) } }
    /// Kinds of which a part is kept.
    package var inPart: String { self.list(self.isInPart) }

    private func list(_ isWanted: (CacheKind) -> Bool) -> String {
        CacheKind.allCases.filter { self.keeps($0) && isWanted($0) }.map(\.rawValue).joined(separator: ",")
    }
}
