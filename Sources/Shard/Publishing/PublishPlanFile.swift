import Discord
import Foundation

/// A publish plan as a file has it (docs/operations.md).
struct PublishPlanFile: Sendable {
    struct Problem: Error, CustomStringConvertible {
        let description: String

        fileprivate init(_ description: String) { self.description = description }
    }

    static let mostBytes = 1 << 20
    static let mostRules = 1_000

    let rules: [PublishPlan.Rule]
    /// What is taken all the same, but is likely to be a mistake.
    let warnings: [String]

    init(path: String) throws(Problem) {
        guard let file = FileHandle(forReadingAtPath: path) else { throw Problem("\(path) can't be opened") }
        let data: Data
        do {
            data = try file.read(upToCount: Self.mostBytes + 1) ?? Data()
        } catch {
            throw Problem("\(path) can't be read: \(error)")
        }
        guard data.count <= Self.mostBytes else { throw Problem("\(path) has more than \(Self.mostBytes) bytes") }
        try self.init(data)
    }

    init(_ data: Data) throws(Problem) {
        let json: Any
        do {
            json = try JSONSerialization.jsonObject(with: data)
        } catch {
            throw Problem("the file is no JSON: \(error.localizedDescription)")
        }
        guard let object = json as? [String: Any], let list = object["rules"] as? [Any] else {
            throw Problem(#"the file has to be an object with a list "rules""#)
        }
        try Self.check(object, has: ["rules"], "the file")
        guard list.count <= Self.mostRules else {
            throw Problem("\(list.count) rules, at most \(Self.mostRules) are taken")
        }
        var rules: [PublishPlan.Rule] = []
        for (index, item) in list.enumerated() { rules.append(try Self.rule(item, "rule \(index + 1)")) }
        self.rules = rules
        self.warnings = rules.enumerated().flatMap { index, rule in
            rule.events.filter { !Self.isKnown($0) }.map {
                "rule \(index + 1): no event that is known is called \($0)"
            }
        }
    }

    private static func rule(_ item: Any, _ place: String) throws(Problem) -> PublishPlan.Rule {
        guard let object = item as? [String: Any] else { throw Problem("\(place) is no object") }
        try self.check(object, has: ["events", "intents", "to", "old"], place)
        let destination: EventRule.Destination
        switch object["to"] as? String {
        case "lane": destination = .lane
        case "commands": destination = .commands
        case "nowhere": destination = .nowhere
        default: throw Problem(#"\#(place): "to" has to be "lane", "commands" or "nowhere""#)
        }
        let old = object["old"] ?? false
        guard let attachesOld = old as? Bool else { throw Problem(#"\#(place): "old" has to be true or false"#) }
        guard !attachesOld || destination == .lane else {
            throw Problem(#"\#(place): "old" is for events that go to "lane""#)
        }
        var intents: Intents = []
        for name in try self.texts(object, "intents", place) {
            guard let intent = Intents(name: name) else {
                throw Problem("\(place): \(name) is no intent, such as GUILD_PRESENCES")
            }
            intents.formUnion(intent)
        }
        let events = try self.texts(object, "events", place)
        for event in events where !self.isPattern(event) {
            throw Problem(
                "\(place): an event is A-Z, 0-9 and _, perhaps with a * at its end, such as MESSAGE_*, not \(event)")
        }
        guard !events.isEmpty || !intents.isEmpty else {
            throw Problem(#"\#(place) names nothing in "events" or "intents""#)
        }
        return PublishPlan.Rule(events: events, intents: intents, destination: destination, attachesOld: attachesOld)
    }

    private static func texts(_ object: [String: Any], _ key: String, _ place: String) throws(Problem) -> [String] {
        guard let value = object[key] else { return [] }
        guard let texts = value as? [String] else { throw Problem(#"\#(place): "\#(key)" has to be a list of texts"#) }
        return texts
    }

    private static func check(
        _ object: [String: Any], has keys: Set<String>, _ place: String
    ) throws(Problem) {
        guard let unknown = object.keys.filter({ !keys.contains($0) }).sorted().first else { return }
        throw Problem("\(place) has an unknown key \"\(unknown)\"; known are \(keys.sorted().joined(separator: ", "))")
    }

    private static func isPattern(_ text: String) -> Bool {
        let name = text.hasSuffix("*") ? text.dropLast() : Substring(text)
        return !text.isEmpty
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    private static func isKnown(_ pattern: String) -> Bool {
        let rule = PublishPlan.Rule(events: [pattern], destination: .lane)
        return EventName.known.contains { rule.matches($0.rawValue) }
    }
}
