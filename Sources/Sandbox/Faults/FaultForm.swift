import Discord
import Gateway
import Runtime

/// Reads faults from JSON and checks them: what is wrong is named with its place and what is expected there.
struct FaultForm {
    /// Faults of one request.
    static let most = 10_000
    /// No fault lies further ahead, and none lasts longer.
    static let longest: Int64 = 86_400_000

    struct Planned: Sendable, Equatable {
        let at: Duration
        let fault: Fault
        /// Decides whom a share means; `nil`: the fault's id does.
        var salt: UInt64?
    }

    private let json: JSONValue
    private let path: String
    private var keys: Set<String> = ["kind", "at_ms", "target"]

    /// - Parameter json: one fault, or a list of them.
    static func parse(_ json: JSONValue) throws(APIError) -> [Planned] {
        guard let items = json.array else { return [try Self.planned(json, path: "fault")] }
        guard (1...Self.most).contains(items.count) else {
            throw Self.wrong("the list", "1 to \(Self.most) faults")
        }
        var faults: [Planned] = []
        for (index, item) in items.enumerated() { faults.append(try Self.planned(item, path: "[\(index)]")) }
        return faults
    }

    private static func planned(_ json: JSONValue, path: String) throws(APIError) -> Planned {
        guard json.object != nil else { throw Self.wrong(path, "an object") }
        var form = FaultForm(json: json, path: path)
        let at = try form.duration("at_ms", default: .zero)
        let kinds = Fault.Kind.allCases.map(\.rawValue)
        guard let kind = json["kind"]?.string.flatMap({ Fault.Kind(rawValue: $0) }) else {
            throw Self.wrong("\(path).kind", "one of \(kinds.joined(separator: ", "))")
        }
        let action = try form.action(kind)
        let target = try form.target()
        if case .resetToken(.some) = action, target.application == nil {
            throw Self.wrong("\(path).target.application", "the id of the application that gets the token")
        }
        try form.checkKeys()
        return Planned(at: at, fault: Fault(action: action, target: target))
    }

    private mutating func action(_ kind: Fault.Kind) throws(APIError) -> Fault.Action {
        switch kind {
        case .op7: return .reconnect(grace: try self.duration("grace_ms", default: Fault.Action.reconnectGrace))
        case .op9:
            let isResumable = try self.flag("resumable", default: false)
            return .invalidSession(
                isResumable: isResumable, endsSession: try self.flag("ends_session", default: !isResumable))
        case .close:
            var code: UInt16?
            if let given = self.member("code"), !given.isNull {
                code = UInt16(clamping: try self.integer("code", in: 1000...4999, default: nil))
                if [1004, 1005, 1006, 1015].contains(code) {
                    throw self.wrong("code", "a code that a close frame may hold, or null for none")
                }
            }
            return .close(code, endsSession: try self.flag("ends_session", default: Fault.endsSession(code)))
        case .drop: return .drop
        case .stall:
            let holds: [OutgoingFlow.Hold] = [.acknowledgements, .everything]
            let what = try self.choice("what", of: holds, default: .everything)
            return .stall(what, for: try self.length())
        case .deaf: return .stall(.dispatches, for: try self.length())
        case .slowReads: return .slowReads(for: try self.length())
        case .refuseUpgrade:
            var entrances = Set(Door.Entrance.allCases)
            if self.member("entrance") != nil {
                entrances = [try self.choice("entrance", of: Door.Entrance.allCases, default: .resume)]
            }
            return .refuseUpgrade(
                status: Int(try self.integer("status", in: 400...599, default: 503)), at: entrances,
                for: try self.length())
        case .noHello: return .greet(.nothing, for: try self.length())
        case .op7Hello: return .greet(.reconnect, for: try self.length())
        case .duplicate: return .duplicate(Int(try self.integer("count", in: 1...10_000, default: 1)))
        case .outage:
            let guilds = try self.ids("guilds")
            let percent = try self.integer("percent", in: 0...100, default: guilds.isEmpty ? 100 : 0)
            return .outage(percent: Int(percent), guilds: guilds, for: try self.length())
        case .outageOver: return .outageOver(try self.ids("guilds"))
        case .evict: return .evict
        case .shrinkBuffer: return .shrinkBuffer(Int(try self.integer("events", in: 1...1_000_000, default: 1)))
        case .tokenReset:
            guard let token = self.member("token"), !token.isNull else { return .resetToken(nil) }
            return .resetToken(Secret(try Self.token(token, path: "\(self.path).token")))
        case .corrupt: return .corrupt(try self.choice("what", of: Fault.Corruption.allCases, default: .stream))
        case .oversized:
            return .oversized(Int(try self.integer("bytes", in: 1...(200 << 20), default: 80 << 20)))
        case .heartbeats: return .heartbeats(Int(try self.integer("count", in: 1...10_000, default: 100)))
        }
    }

    /// A token that a client can show: 8 to 200 visible characters.
    static func token(_ json: JSONValue, path: String) throws(APIError) -> String {
        guard let text = json.string, (8...200).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw Self.wrong(path, "8 to 200 visible ASCII characters") }
        return text
    }

    private mutating func target() throws(APIError) -> FaultTarget {
        guard let json = self.member("target"), !json.isNull, json != "all" else { return .all }
        let path = "\(self.path).target"
        guard json.object != nil else { throw Self.wrong(path, "\"all\" or an object") }
        var form = FaultForm(json: json, path: path)
        form.keys = []
        var target = FaultTarget()
        target.application = try form.id("application")
        if let shard = form.member("shard") {
            let numbers = (shard.array ?? []).compactMap { $0.integer.flatMap { Int(exactly: $0) } }
            guard numbers.count == 2, let id = ShardID(id: numbers[0], count: numbers[1]) else {
                throw form.wrong("shard", "a pair [id, count] with 0 ≤ id < count")
            }
            target.shard = id
        }
        if let session = form.member("session") {
            guard let session = session.string else { throw form.wrong("session", "a session's id") }
            target.session = session
        }
        if form.member("conn") != nil { target.connection = try form.integer("conn", in: 1...(.max), default: nil) }
        if form.member("percent") != nil {
            target.percent = Int(try form.integer("percent", in: 0...100, default: nil))
        }
        if form.member("pick") != nil {
            target.pick = UInt64(try form.integer("pick", in: 0...(.max), default: nil))
        }
        try form.checkKeys()
        return target
    }

    // MARK: Members

    private init(json: JSONValue, path: String) {
        self.json = json
        self.path = path
    }

    private mutating func member(_ key: String) -> JSONValue? {
        self.keys.insert(key)
        return self.json[key]
    }

    /// A key that nothing asked for is a mistake that would otherwise do nothing.
    private func checkKeys() throws(APIError) {
        let known = self.keys.sorted().joined(separator: ", ")
        for member in self.json.object?.members ?? [] where !self.keys.contains(member.key) {
            throw Self.wrong("\(self.path).\(member.key)", "no such key here; there are \(known)")
        }
    }

    private mutating func length() throws(APIError) -> Duration { try self.duration("for_ms", default: nil) }

    private mutating func duration(_ key: String, default value: Duration?) throws(APIError) -> Duration {
        let fallback = value.map { Int64($0 / .milliseconds(1)) }
        return .milliseconds(try self.integer(key, in: 0...Self.longest, default: fallback))
    }

    private mutating func integer(
        _ key: String, in range: ClosedRange<Int64>, default value: Int64?
    ) throws(APIError) -> Int64 {
        let given = self.member(key)
        if given == nil, let value { return value }
        guard let number = given?.integer, range.contains(number) else {
            throw self.wrong(key, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private mutating func flag(_ key: String, default value: Bool) throws(APIError) -> Bool {
        guard let given = self.member(key) else { return value }
        guard let flag = given.bool else { throw self.wrong(key, "true or false") }
        return flag
    }

    private mutating func choice<Choice: RawRepresentable<String>>(
        _ key: String, of choices: [Choice], default value: Choice
    ) throws(APIError) -> Choice {
        guard let given = self.member(key) else { return value }
        guard let choice = choices.first(where: { $0.rawValue == given.string }) else {
            throw self.wrong(key, "one of \(choices.map(\.rawValue).joined(separator: ", "))")
        }
        return choice
    }

    private mutating func id(_ key: String) throws(APIError) -> Snowflake? {
        guard let given = self.member(key) else { return nil }
        guard let id = given.snowflake else { throw self.wrong(key, "an id") }
        return id
    }

    private mutating func ids(_ key: String) throws(APIError) -> [Snowflake] {
        guard let given = self.member(key) else { return [] }
        let ids = (given.array ?? []).compactMap(\.snowflake)
        guard let count = given.array?.count, ids.count == count else { throw self.wrong(key, "a list of ids") }
        return ids
    }

    private func wrong(_ key: String, _ expected: String) -> APIError { Self.wrong("\(self.path).\(key)", expected) }

    static func wrong(_ place: String, _ expected: String) -> APIError {
        APIError(400, 50035, "\(place): expected \(expected)")
    }
}
