import ClusterAPI
import Discord
import Foundation
import TestSupport
import Testing

extension WholeFleets {
    @Suite("flotilla ctl", .fleet, .serialized, .timeLimit(.minutes(4)))
    struct ControlCommandTests {
        private struct Outcome: CustomStringConvertible {
            let code: Int32
            /// Standard output and standard error.
            let text: String
            var description: String { "exit code \(self.code): \(self.text)" }

            func decoded<Value: Decodable>(as type: Value.Type) throws -> Value {
                try ClusterJSON.decoder().decode(type, from: Data(self.text.utf8))
            }
        }

        private func ctl(
            _ arguments: [String], environment: [String: String] = [:], at fleet: Fleet? = nil
        ) async throws -> Outcome {
            let place = fleet.map { ["--directory", $0.directory.path] } ?? []
            let none = ["FLOTILLA_COORDINATOR_URL": "", "FLOTILLA_OPERATOR_TOKEN": "", "TERM": "dumb"]
            let process = try ChildProcess(
                try Programs.flotilla, ["ctl"] + arguments + place, environment: none.merging(environment) { $1 })
            let code = try await process.exitStatus(within: .seconds(90))
            return Outcome(code: code, text: process.output)
        }

        /// How many sessions the sandbox has begun, and resumed, since it was started.
        private func sessions(_ fleet: Fleet) async throws -> (identifies: Int, resumes: Int) {
            let metrics = try await HTTP.get(try fleet.url("sandbox", "/metrics")).text
            func count(_ name: String) -> Int {
                metrics.split(separator: "\n")
                    .first { $0.hasPrefix("flotilla_sandbox_\(name)_total{") && $0.contains("taken") }
                    .flatMap { $0.split(separator: " ").last }
                    .flatMap { Double($0) }
                    .map { Int($0) } ?? 0
            }
            return (count("identifies"), count("resumes"))
        }

        @Test func `What it shows is what the coordinator knows`() async throws {
            let fleet = try Fleet.running
            let view = try await fleet.settled()
            // What another test moved may still be settling.
            try await eventually("four slots ready in the status") {
                let status = try await self.ctl(["status"], at: fleet)
                #expect(status.code == 0 && !status.text.contains("\u{1B}"), "\(status)")
                return status.text.contains("4 of 4 ready")
            }

            let shards = try await self.ctl(["shards", "--json"], at: fleet)
            let slots = try shards.decoded(as: [ClusterView.SlotView].self)
            #expect(shards.code == 0 && slots.map(\.shard) == view.slots.map(\.shard))
            let none = try await self.ctl(["shards", "--generation", "99"], at: fleet)
            #expect(none.code == 0 && none.text == "no shard matches, of 4\n", "\(none)")

            struct Location: Decodable {
                let shard, lane: Int
                let slot: ClusterView.SlotView
                let worker: String
            }
            let guild: Snowflake = 1_100_000_000_000_000_100
            let found = try await self.ctl(["find", "\(guild)", "--json"], at: fleet)
            let location = try #require(try found.decoded(as: [Location].self).first)
            let number = Int(guild.rawValue >> 22)
            #expect(location.shard == number % 4 && location.lane == number % view.lanes.count)
            #expect(location.slot.shard == location.shard && location.slot.member != nil)
            #expect(location.worker == view.lanes.first { $0.lane == location.lane }?.primary)

            for command in ["members", "lanes", "budget", "top"] {
                let table = try await self.ctl([command], at: fleet)
                #expect(table.code == 0 && table.text.split(separator: "\n").count > 1, "\(command): \(table)")
            }
            for command in ["gaps", "audit"] {
                let list = try await self.ctl([command, "--json"], at: fleet)
                #expect(list.code == 0 && list.text.hasPrefix("["), "\(command): \(list)")
            }
        }

        @Test func `A move is a RESUME, a cordon keeps slots away, a drain empties, and all of it is written down`()
            async throws
        {
            let fleet = try Fleet.running
            let slot = try #require(try await fleet.settled().slots.first { $0.member == "shard-0" })
            let before = try await self.sessions(fleet)

            let feed = try ChildProcess(
                try Programs.flotilla, ["ctl", "watch", "--json", "--directory", fleet.directory.path])
            let moved = try await self.ctl(["move", "\(slot.shard)", "shard-1", "--wait"], at: fleet)
            #expect(moved.code == 0 && moved.text.contains("is ready on shard-1"), "\(moved)")
            let after = try await fleet.settled().slots.first { $0.shard == slot.shard }
            #expect(after?.member == "shard-1" && (after?.epoch ?? 0) > slot.epoch)
            let resumed = try await self.sessions(fleet)
            // The plan may even out what the move left uneven, by RESUME too.
            #expect(resumed.identifies == before.identifies && resumed.resumes > before.resumes)
            // Asked again, as after a lost answer: the same outcome, and not a second move.
            let again = try await self.ctl(["move", "\(slot.shard)", "shard-1"], at: fleet)
            #expect(again.code == 0 && again.text.contains("has moved to shard-1"), "\(again)")

            let cordon = try await self.ctl(["cordon", "shard-0"], at: fleet)
            #expect(cordon.code == 0, "\(cordon)")
            let refused = try await self.ctl(["move", "\(slot.shard)", "shard-0"], at: fleet)
            #expect(refused.code == 1 && refused.text.contains("cordoned"), "\(refused)")
            let members = try await self.ctl(["members", "--json"], at: fleet)
            let marks = try members.decoded(as: [ClusterView.Member].self)
            #expect(marks.first { $0.id == "shard-0" }?.mark == "cordoned")
            #expect(try await self.ctl(["uncordon", "shard-0"], at: fleet).code == 0)

            let unasked = try await self.ctl(["drain", "shard-1"], at: fleet)
            #expect(unasked.code == 2 && unasked.text.contains("--yes"), "\(unasked)")
            let plan = try await self.ctl(["drain", "shard-1", "--dry-run"], at: fleet)
            #expect(plan.code == 0 && plan.text.contains("0 IDENTIFYs"), "\(plan)")
            #expect(try await fleet.cluster().members.first { $0.id == "shard-1" }?.mark == nil)
            let early = try await self.ctl(
                ["drain", "shard-1", "--yes", "--wait", "--timeout", "1ms"], at: fleet)
            #expect(early.code == 5 && early.text.contains("not done within"), "\(early)")
            let drained = try await self.ctl(["drain", "shard-1", "--yes", "--wait"], at: fleet)
            #expect(drained.code == 0 && drained.text.contains("shard-1 is empty"), "\(drained)")
            let others = try await self.ctl(["shards", "--member", "shard-1", "--json"], at: fleet)
            #expect(try others.decoded(as: [ClusterView.SlotView].self).isEmpty, "\(others)")

            let last = try await self.ctl(["drain", "shard-0", "--yes"], at: fleet)
            #expect(last.code == 1 && last.text.contains("start another shard member"), "\(last)")
            #expect(try await self.ctl(["uncordon", "shard-1"], at: fleet).code == 0)
            let even = try await self.ctl(["rebalance", "--wait"], at: fleet)
            #expect(even.code == 0, "\(even)")
            _ = try await fleet.settled()
            #expect(try await self.sessions(fleet).identifies == before.identifies)

            let audit = try await self.ctl(["audit", "--json"], at: fleet)
            let actions = Set(try audit.decoded(as: [AuditEntry].self).map(\.action))
            #expect(actions.isSuperset(of: ["move", "cordon", "uncordon", "drain"]), "\(actions)")
            try await feed.wait(for: #""kind":"slot""#)
            feed.signal(SIGINT)
            _ = try await feed.exitStatus()
        }

        @Test func `Mistakes get an answer that says what to do`() async throws {
            let fleet = try Fleet.running
            _ = try await fleet.settled()
            let unknown = try await self.ctl(["drain", "shard-9", "--yes"], at: fleet)
            #expect(unknown.code == 1 && unknown.text.contains("shard-0, shard-1"), "\(unknown)")
            let large = try await self.ctl(["reshard", "90000", "--yes"], at: fleet)
            #expect(large.code == 1 && large.text.contains("session starts"), "\(large)")
            let preview = try await self.ctl(["reshard", "90000", "--dry-run"], at: fleet)
            #expect(preview.code == 1 && preview.text.contains("90,000"), "\(preview)")

            let mistyped = try await self.ctl(["memebrs"])
            #expect(mistyped.code == 2 && mistyped.text.contains("flotilla ctl members"), "\(mistyped)")
            let noShard = try await self.ctl(["move", "x", "shard-1"], at: fleet)
            #expect(noShard.code == 2 && noShard.text.contains("no shard"), "\(noShard)")
            let unclear = try await self.ctl(["restart"], at: fleet)
            #expect(unclear.code == 2 && unclear.text.contains("--rolling or --abort"), "\(unclear)")

            let url = try fleet.url("coordinator")
            let stranger = try await self.ctl(
                ["status"], environment: ["FLOTILLA_COORDINATOR_URL": url, "FLOTILLA_OPERATOR_TOKEN": "guess"])
            #expect(stranger.code == 4 && !stranger.text.contains("guess"), "\(stranger)")
            let away = "http://127.0.0.1:\(try quietPort())"
            let nobody = try await self.ctl(
                ["status"], environment: ["FLOTILLA_COORDINATOR_URL": away, "FLOTILLA_OPERATOR_TOKEN": "t"])
            #expect(nobody.code == 3 && nobody.text.contains(away), "\(nobody)")
            let unset = try await self.ctl(["status"], environment: ["FLOTILLA_COORDINATOR_URL": url])
            #expect(unset.code == 2 && unset.text.contains("FLOTILLA_OPERATOR_TOKEN"), "\(unset)")
        }
    }
}
