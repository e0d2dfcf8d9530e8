import Discord
import Foundation
import TestSupport
import Testing

@testable import Shard

@Suite("Publish plan's file")
struct PublishPlanFileTests {
    private func read(_ text: String) throws -> PublishPlanFile { try PublishPlanFile(Data(text.utf8)) }

    @Test func `A file's rules are taken in their order`() throws {
        let file = try self.read(
            #"""
            {"rules": [
                {"events": ["PRESENCE_UPDATE", "TYPING_*"], "to": "nowhere"},
                {"intents": ["GUILD_MEMBERS", "GUILD_PRESENCES"], "to": "lane", "old": true},
                {"events": ["INTERACTION_CREATE"], "intents": [], "to": "commands", "old": false}
            ]}
            """#)
        #expect(
            file.rules == [
                .init(events: ["PRESENCE_UPDATE", "TYPING_*"], destination: .nowhere),
                .init(intents: [.guildMembers, .guildPresences], destination: .lane, attachesOld: true),
                .init(events: ["INTERACTION_CREATE"], destination: .commands),
            ])
        #expect(file.warnings.isEmpty)
        #expect(try self.read(#"{"rules": []}"#).rules.isEmpty)
    }

    @Test func `Names that nobody knows are taken with a warning`() throws {
        let file = try self.read(#"{"rules": [{"events": ["MESSAGE_*", "MESAGE_CREATE", "NEW_*"], "to": "nowhere"}]}"#)
        #expect(file.rules.first?.events.count == 3)
        #expect(
            file.warnings == ["MESAGE_CREATE", "NEW_*"].map { "rule 1: no event that is known is called \($0)" })
    }

    @Test(
        arguments: [
            ("{", "no JSON"),
            ("[]", #"list "rules""#),
            (#"{"rules": {}}"#, #"list "rules""#),
            (#"{"rules": [], "version": 1}"#, #"unknown key "version""#),
            (#"{"rules": [1]}"#, "rule 1 is no object"),
            (
                #"{"rules": [{"events": ["A"], "to": "lane"}, {"events": ["A"], "t": "lane"}]}"#,
                #"rule 2 has an unknown key "t""#
            ),
            (#"{"rules": [{"events": ["A"]}]}"#, #""to" has to be"#),
            (#"{"rules": [{"events": ["A"], "to": "queue"}]}"#, #""to" has to be"#),
            (#"{"rules": [{"events": "A", "to": "lane"}]}"#, "list of texts"),
            (#"{"rules": [{"events": [1], "to": "lane"}]}"#, "list of texts"),
            (#"{"rules": [{"events": ["message_create"], "to": "lane"}]}"#, "not message_create"),
            (#"{"rules": [{"events": ["A*B"], "to": "lane"}]}"#, "not A*B"),
            (#"{"rules": [{"events": [""], "to": "lane"}]}"#, "A-Z, 0-9 and _"),
            (#"{"rules": [{"events": [], "to": "lane"}]}"#, "names nothing"),
            (#"{"rules": [{"intents": ["PRESENCES"], "to": "lane"}]}"#, "PRESENCES is no intent"),
            (#"{"rules": [{"events": ["A"], "to": "nowhere", "old": true}]}"#, #""old" is for events"#),
            (#"{"rules": [{"events": ["A"], "to": "lane", "old": "yes"}]}"#, "true or false"),
        ])
    func `What is wrong is told, with its place`(text: String, reason: String) {
        let error = #expect(throws: PublishPlanFile.Problem.self) { _ = try self.read(text) }
        #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
    }

    @Test func `A file has bounds`() throws {
        let rule = #"{"events":["A"],"to":"lane"}"#
        let many = Array(repeating: rule, count: PublishPlanFile.mostRules + 1).joined(separator: ",")
        #expect(throws: PublishPlanFile.Problem.self) { _ = try self.read(#"{"rules":[\#(many)]}"#) }
        let directory = try TemporaryDirectory()
        let path = try directory.write(String(repeating: " ", count: PublishPlanFile.mostBytes + 1), to: "plan.json")
        #expect(throws: PublishPlanFile.Problem.self) { _ = try PublishPlanFile(path: path) }
        #expect(throws: PublishPlanFile.Problem.self) { _ = try PublishPlanFile(path: directory.path("none")) }
    }
}
