import Discord
import Foundation
import Testing

@testable import Shard

@Suite("Publish plan")
struct PublishPlanTests {
    private func rule(_ name: String, _ plan: PublishPlan) -> EventRule {
        Array(name.utf8).withUnsafeBytes { plan.rule(of: $0) }
    }

    @Test func `Interactions are commands, dropped events go nowhere, all others to their lane`() {
        let plan = PublishPlan(dropping: ["TYPING_START", "SOMETHING_NEW"])
        #expect(self.rule("INTERACTION_CREATE", plan).destination == .commands)
        #expect(self.rule("TYPING_START", plan).destination == .nowhere)
        #expect(self.rule("SOMETHING_NEW", plan).destination == .nowhere)
        for name in ["TYPING_STAR", "TYPING_START_", "READY", "", "X", "SOMETHING_NEWER", "é"] {
            #expect(self.rule(name, plan).destination == .lane, "\(name)")
        }
    }

    @Test func `Every known event is found, and what a slot itself needs is told`() {
        let plan = PublishPlan()
        for name in EventName.known {
            let rule = self.rule(name.rawValue, plan)
            let kind: EventRule.Kind =
                switch name {
                case .ready: .ready
                case .resumed: .resumed
                case .guildCreate: .guildCreate
                case .guildDelete: .guildDelete
                default: .other
                }
            #expect(rule.kind == kind, "\(name)")
            #expect((rule.destination == .commands) == (name == .interactionCreate), "\(name)")
        }
        #expect(Set(EventName.known).count == EventName.known.count)
    }

    @Test func `Later rules win, patterns and intents stand for many events`() {
        let plan = PublishPlan([
            .init(events: ["*"], destination: .nowhere),
            .init(events: ["MESSAGE_*", "GUILD_MEMBER_UPDATE"], destination: .lane, attachesOld: true),
            .init(intents: [.guildMessageReactions], destination: .commands),
            .init(events: ["MESSAGE_REACTION_REMOVE"], destination: .lane),
        ])
        #expect(self.rule("GUILD_CREATE", plan).destination == .nowhere)
        #expect(self.rule("GUILD_CREATE", plan).kind == .guildCreate)
        #expect(self.rule("INTERACTION_CREATE", plan).destination == .nowhere)
        #expect(self.rule("MESSAGE_UPDATE", plan) == EventRule(destination: .lane, attachesOld: true))
        #expect(self.rule("GUILD_MEMBER_UPDATE", plan).attachesOld)
        #expect(self.rule("MESSAGE_REACTION_ADD", plan).destination == .commands)
        #expect(self.rule("MESSAGE_REACTION_REMOVE", plan) == EventRule(destination: .lane))
        // Names that nobody knew when this was written.
        #expect(self.rule("MESSAGE_SOMETHING_NEW", plan) == EventRule(destination: .lane, attachesOld: true))
        #expect(self.rule("SOMETHING_NEW", plan).destination == .nowhere)
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func `The table agrees with a dictionary`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var rules: [String: EventRule] = [:]
        let letters = ["A", "B", "_", "CREATE", "UPDATE", "É"]
        func name() -> String { (0...(random.next() % 4)).map { _ in letters[Int(random.next() % 6)] }.joined() }
        for _ in 0..<300 {
            rules[name()] = EventRule(destination: random.next() % 2 == 0 ? .commands : .nowhere)
        }
        let table = EventRuleTable(rules)
        for candidate in Array(rules.keys) + (0..<1_000).map({ _ in name() }) + [""] {
            #expect(Array(candidate.utf8).withUnsafeBytes { table.rule(of: $0) } == rules[candidate], "\(candidate)")
        }
    }
}
