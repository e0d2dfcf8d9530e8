import Discord

/// Which events go to lanes, to the command queue, or nowhere.
///
/// Later rules win. Before them all: `INTERACTION_CREATE` goes to the command queue, everything else to its lane.
struct PublishPlan: Sendable {
    /// One rule of a plan file.
    struct Rule: Sendable, Equatable {
        /// Names of events; a `*` at the end stands for any further characters.
        var events: [String] = []
        /// Events that one of these brings.
        var intents: Intents = []
        var destination: EventRule.Destination
        var attachesOld = false

        func matches(_ name: String) -> Bool {
            self.events.contains { pattern in
                pattern.hasSuffix("*") ? name.hasPrefix(pattern.dropLast()) : pattern == name
            } || !EventName(rawValue: name).requiredIntents.isDisjoint(with: self.intents)
        }
    }

    let rules: [Rule]
    private let table: EventRuleTable
    /// For names that the table does not have: those of the rules that end with `*`, without it, the last first.
    private let prefixes: [(bytes: [UInt8], rule: EventRule)]

    init(_ rules: [Rule] = []) {
        self.rules = rules
        let names = Set(EventName.known.map(\.rawValue))
            .union(rules.flatMap { $0.events.filter { !$0.hasSuffix("*") } })
        self.table = EventRuleTable(
            Dictionary(uniqueKeysWithValues: names.map { ($0, Self.rule(of: $0, by: rules)) }))
        self.prefixes = rules.reversed().flatMap { rule in
            rule.events.filter { $0.hasSuffix("*") }.map { pattern in
                (
                    Array(pattern.utf8.dropLast()),
                    EventRule(destination: rule.destination, attachesOld: rule.attachesOld)
                )
            }
        }
    }

    /// - Parameter names: of events that nobody wants.
    init(dropping names: some Sequence<String>) {
        self.init([Rule(events: Array(names), destination: .nowhere)])
    }

    /// Cheap enough for every event.
    func rule(of name: UnsafeRawBufferPointer) -> EventRule {
        if let rule = self.table.rule(of: name) { return rule }
        for (prefix, rule) in self.prefixes where name.starts(with: prefix) { return rule }
        return EventRule()
    }

    private static func rule(of name: String, by rules: [Rule]) -> EventRule {
        var result = EventRule()
        switch EventName(rawValue: name) {
        case .ready: result.kind = .ready
        case .resumed: result.kind = .resumed
        case .guildCreate: result.kind = .guildCreate
        case .guildDelete: result.kind = .guildDelete
        case .interactionCreate: result.destination = .commands
        default: break
        }
        if let rule = rules.last(where: { $0.matches(name) }) {
            result.destination = rule.destination
            result.attachesOld = rule.attachesOld
        }
        return result
    }
}
