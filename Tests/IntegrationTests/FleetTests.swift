import ClusterAPI
import Discord
import Foundation
import NIOHTTP1
import TestSupport
import Testing

@testable import LocalStack
@testable import Sandbox

/// Tests that need a whole fleet; one after the other, as each has two processors' worth of processes.
@Suite("Whole fleets", .serialized)
enum WholeFleets {}

extension WholeFleets {
    @Suite("A fleet's life", .timeLimit(.minutes(4)))
    struct LifeTests {
        @Test func `It comes up on loopback alone, and a SIGTERM ends everything`() async throws {
            let fleet = try await Fleet()
            let listeners = try Listener.of(fleet.mark.find())
            #expect(listeners.allSatisfy { $0.isLoopback }, "\(listeners)")
            // Each port that was announced, and no other.
            #expect(Set(listeners.map(\.port)) == Set(fleet.ports.values))
            let output = fleet.process.output
            for service in ["sandbox", "api"] { #expect(output.contains(try fleet.url(service, "/"))) }
            for secret in [
                fleet.secrets.database, fleet.secrets.amqpAdministrator, fleet.secrets.member, fleet.secrets.bot,
            ] {
                #expect(!output.contains(secret))
            }
            try await fleet.stop()
        }
    }

    @Suite("A fleet of an ordinary user", .timeLimit(.minutes(4)))
    struct OrdinaryUserTests {
        /// Nothing here may need root.
        @Test(
            .enabled(if: geteuid() == 0, "the tests run as an ordinary user, so all of them show this"),
            .enabled("nobody can't reach the programs, which lie where only root may go") {
                try await OrdinaryUser.nobody?.canRun(try Programs.flotilla) ?? false
            }
        )
        func `It comes up, works and ends without root`() async throws {
            let nobody = try #require(OrdinaryUser.nobody)
            let fleet = try await Fleet(as: nobody)
            _ = try await fleet.settled()
            let processes = fleet.mark.find()
            #expect(processes.count >= 10)
            for process in processes {
                let owner = try FileManager.default.attributesOfItem(atPath: "/proc/\(process)")[.ownerAccountID]
                #expect((owner as? NSNumber)?.uint32Value == nobody.number, "process \(process)")
            }
            try await fleet.stop()
        }
    }

    @Suite("A running fleet", .fleet, .serialized, .timeLimit(.minutes(4)))
    struct RunningTests {
        private static func isPong(_ content: String?) -> Bool { content?.wholeMatch(of: /Pong! [0-9]+ ms/) != nil }

        @Test func `A message that says !ping gets one answer, as a reply`() async throws {
            let fleet = try Fleet.running
            _ = try await fleet.settled()
            let alice = try await Person("alice", at: try fleet.url("sandbox"))
            let (channel, _) = try await alice.channel("general", of: "Harbor")
            let question = try await alice.say("!ping", in: channel)
            let answer = try await alice.reply(to: question)
            #expect(Self.isPong(answer["content"]?.string), "\(answer)")
            #expect(answer["channel_id"]?.string == channel)
            #expect(answer["author"]?["bot"]?.bool == true)

            // Events of a channel are handled in order: whatever there was to say to the first is said by now.
            let next = try await alice.say("!help", in: channel)
            let help = try await alice.reply(to: next)
            #expect(help["content"]?.string?.contains("ping") == true)
            let history = try await alice.history(of: channel, since: question)
            #expect(history.filter { $0["message_reference"]?["message_id"]?.string == question }.count == 1)
            #expect(history.count == 4, "\(history)")
        }

        @Test func `The slash command /ping is answered once`() async throws {
            let fleet = try Fleet.running
            _ = try await fleet.settled()
            let alice = try await Person("alice", at: try fleet.url("sandbox"))
            let (channel, guild) = try await alice.channel("global", of: "Lighthouse")
            let index = "/guilds/\(guild)/application-command-index"
            var command: JSONValue?
            try await eventually("/ping in the guild's index") {
                command = try await alice.call("GET", index)["application_commands"]?.array?.first {
                    $0["name"]?.string == "ping"
                }
                return command != nil
            }
            let application = try #require(command?["application_id"]?.string)
            _ = try await alice.call(
                "POST", "/interactions",
                [
                    "type": 2, "application_id": .string(application), "guild_id": .string(guild),
                    "channel_id": .string(channel),
                    "nonce": "1", "data": ["id": command?["id"] ?? .null, "name": "ping", "type": 1],
                ])
            try await eventually("an answer to /ping") { !alice.commandAnswers(in: channel).isEmpty }
            let answers = alice.commandAnswers(in: channel)
            #expect(answers.count == 1 && Self.isPong(answers[0]["content"]?.string), "\(answers)")
            #expect(answers.first?["author"]?["id"]?.string == application)
        }

        @Test func `The API server shows members, ready slots and its contract`() async throws {
            let fleet = try Fleet.running
            let view = try await fleet.settled()
            #expect(Set(view.members.map(\.id)) == ["shard-0", "shard-1", "worker-0", "worker-1"])
            #expect(view.slots.count == view.applications.map(\.numShards).reduce(0, +))
            #expect(Set(view.lanes.compactMap(\.primary)) == ["worker-0", "worker-1"])
            #expect(view.lanes.allSatisfy { $0.standby != nil && $0.standby != $0.primary })

            let contract = try await HTTP.get(try fleet.url("api", "/openapi.json"))
            #expect(contract.status == 200 && contract.json["openapi"]?.string?.hasPrefix("3.1") == true)
            #expect(contract.json["paths"]?["/api/v1/cluster"] != nil)
            let health = try await HTTP.get(try fleet.url("api", "/api/v1/health"))
            #expect(health.status == 200 && health.json["status"] == "ok", "\(health)")
            let page = try await HTTP.get(try fleet.url("api", "/"))
            #expect(page.status == 200 && page.contentType?.hasPrefix("text/html") == true)
        }

        @Test(arguments: ["coordinator", "api", "shard-0", "worker-0"])
        func `Every process tells that it is ready, and its metrics`(name: String) async throws {
            let fleet = try Fleet.running
            _ = try await fleet.settled()
            let ready = try await HTTP.get(try fleet.url("\(name)-operations", "/readyz"))
            #expect(ready.status == 200 && ready.text == "ok\n", "\(ready)")
            let metrics = try await HTTP.get(try fleet.url("\(name)-operations", "/metrics"))
            #expect(metrics.status == 200 && metrics.contentType?.hasPrefix("text/plain; version=0.0.4") == true)
        }

        @Test func `A shard process and a worker killed in a flow of messages lose and double nothing`() async throws {
            let fleet = try Fleet.running
            let before = try await fleet.settled()
            let alice = try await Person("alice", at: try fleet.url("sandbox"))
            let (general, harbor) = try await alice.channel("general", of: "Harbor")
            let (global, _) = try await alice.channel("global", of: "Harbor")
            let guild = try #require(Snowflake(harbor))
            let number = ShardID.shard(for: guild, count: try #require(before.applications.first?.numShards))
            let shard = try #require(before.slots.first { $0.shard == number }?.member)
            let worker = try #require(before.lanes[Int(guild.rawValue >> 22) % before.lanes.count].primary)

            var asked: [(channel: String, id: String)] = []
            for turn in 0..<20 {
                if turn == 6 { try fleet.kill(member: shard) }
                if turn == 13 { try fleet.kill(member: worker) }
                let channel = turn.isMultiple(of: 2) ? general : global
                asked.append((channel, try await alice.say("!ping", in: channel)))
            }
            for question in asked { _ = try await alice.reply(to: question.id, within: .seconds(60)) }

            // A channel's events are handled in order, repeated ones too: with these answered, all copies are through.
            for channel in [general, global] {
                _ = try await alice.reply(to: try await alice.say("!ping", in: channel))
            }
            for channel in [general, global] {
                let own = asked.filter { $0.channel == channel }.map(\.id)
                let history = try await alice.history(of: channel, since: try #require(own.first))
                let references = history.compactMap { $0["message_reference"]?["message_id"]?.string }
                for id in own { #expect(references.count { $0 == id } == 1, "message \(id)") }
            }

            let after = try await fleet.settled()
            func incarnation(_ id: String, _ view: ClusterView) -> Int? {
                view.members.first { $0.id == id }?.incarnation
            }
            for id in [shard, worker] {
                #expect(
                    try #require(incarnation(id, after)) > (try #require(incarnation(id, before))),
                    "\(id) is a new life")
            }
            #expect(fleet.process.output.contains("died"))
        }
    }
}
