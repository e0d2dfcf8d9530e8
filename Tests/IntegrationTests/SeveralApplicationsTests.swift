import ClusterAPI
import Discord
import Foundation
import Harness
import LocalStack
import NIOCore
import TestSupport
import Testing

@testable import Sandbox

extension WholeFleets {
    @Suite("Several applications", .timeLimit(.minutes(2)))
    struct SeveralApplicationsTests {
        @Test
        func `Two applications run in one fleet with their own shard counts, budgets and bots, and one stops alone`()
            async throws
        {
            try await TwoApplications.run { fleet in
                let view = try await fleet.ready()
                #expect(view.applications.map(\.id) == [fleet.first.id, fleet.second.id])
                #expect(view.applications.map(\.numShards) == [2, 3])
                #expect(view.applications.map(\.generation) == [1, 1])
                try await Self.checkIdentifies(fleet)
                let alice = try await Person("alice", at: fleet.sandboxURL)
                try await Self.checkAnswers(fleet, alice)
                try await Self.checkRefusals(fleet, alice)
            }
        }

        private static func checkIdentifies(_ fleet: TwoApplications) async throws {
            // 1,000 session starts each, and one a shard.
            for (application, shards) in [(fleet.first, 2), (fleet.second, 3)] {
                var found = TwoApplications.Identifies()
                try await eventually("\(shards) IDENTIFYs of \(application.id)") {
                    found = try fleet.identifies(of: application)
                    return found.shards.count == shards
                }
                #expect(found == .init(shards: Array(0..<shards), numShards: [shards], remaining: 1000 - shards))
            }
            let sessions = try JSONValue(parsing: try await fleet.control.get("/sessions"))["sessions"]?.array ?? []
            for (application, intents) in [(fleet.first, 38_401), (fleet.second, 38_657)] {
                let own = sessions.filter { $0["app"]?.string == "\(application.id)" }
                #expect(own.allSatisfy { $0["intents"] == .integer(Int64(intents)) } && !own.isEmpty, "\(sessions)")
            }
        }

        private static func checkAnswers(_ fleet: TwoApplications, _ alice: Person) async throws {
            // Only the first bot is in it.
            let (harbor, _) = try await alice.channel("general", of: "Harbor")
            #expect(try await alice.answers(to: "!ping", in: harbor, from: 1) == [fleet.first.id])
            // All bots join what a person makes.
            _ = try await alice.call("POST", "/guilds", ["name": "Breakwater"])
            let (both, _) = try await alice.channel("general", of: "Breakwater")
            #expect(try await alice.answers(to: "!ping", in: both, from: 2) == [fleet.first.id, fleet.second.id])
            for application in [fleet.first, fleet.second] { try await fleet.waitForPing(of: application) }
        }

        private static func checkRefusals(_ fleet: TwoApplications, _ alice: Person) async throws {
            // Discord never knew the third.
            try await fleet.coordinator.wait(for: "application \(TwoApplications.unknown)")
            #expect(fleet.coordinator.output.contains("status 401"))
            #expect(!fleet.coordinator.output.contains(TwoApplications.wrongToken))
            // The second's owner resets its token.
            try await fleet.resetToken(of: fleet.second)
            try await eventually("the second application stopped, the first ready") {
                let slots = Dictionary(grouping: try await fleet.view().slots, by: \.application)
                return slots[fleet.first.id]?.allSatisfy { $0.status == .ready } == true
                    && slots[fleet.second.id]?.allSatisfy {
                        $0.status == .failed && $0.reason?.contains("4004") == true
                    } == true
            }
            let (channel, _) = try await alice.channel("general", of: "Harbor")
            #expect(try await alice.answers(to: "!ping", in: channel, from: 1) == [fleet.first.id])
            #expect(try await fleet.coordinatorIsReady)
        }
    }
}

extension Person {
    /// Who replies to a message, once `count` replies have come.
    fileprivate func answers(to text: String, in channel: String, from count: Int) async throws -> [Snowflake] {
        let question = try await self.say(text, in: channel)
        try await eventually("\(count) replies to \(text)") { self.replies(to: question).count >= count }
        let history = try await self.history(of: channel, since: question)
        return history.filter { $0["message_reference"]?["message_id"]?.string == question }
            .compactMap { $0["author"]?["id"]?.snowflake }.sorted()
    }
}

/// Coordinator, shard process and worker of two applications, on private stores beside a sandbox.
private struct TwoApplications: Sendable {
    typealias Application = (id: Snowflake, developmentToken: String)

    struct Identifies: Equatable {
        /// One entry an IDENTIFY.
        var shards: [Int] = []
        var numShards: Set<Int> = []
        /// Session starts that were left in the end.
        var remaining: Int?
    }

    /// Discord does not know its token.
    static let unknown: Snowflake = 1_100_000_000_000_000_009
    static let wrongToken = "wrong-token-of-the-third"
    private static let operatorToken = "operator-of-two-applications"
    private static let controlToken = "control-of-two-applications"

    let first: Application
    let second: Application
    let sandboxURL: String
    let control: SandboxControl
    let coordinator: ChildProcess
    private let coordinatorURL: String
    private let operationsURL: String
    private let ledger: String

    static func run(_ body: @escaping @Sendable (TwoApplications) async throws -> Void) async throws {
        let directory = try TemporaryDirectory("applications")
        try await withStores(directory: directory.path("stores")) { stores in
            var processes: [ChildProcess] = []
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await body(try await Self.start(stores, directory, &processes)))
            } catch {
                let outputs = processes.map { $0.output.suffix(3000) }.joined(separator: "\n---\n")
                outcome = .failure(TestFailure("\(error)\n\(outputs)"))
            }
            for process in processes.reversed() { try await process.stop() }
            try outcome.get()
        }
    }

    private static func start(
        _ stores: StoreAddresses, _ directory: TemporaryDirectory, _ processes: inout [ChildProcess]
    ) async throws -> TwoApplications {
        let (first, second) = (SandboxSettings.application(0), SandboxSettings.application(1))
        let (http, port, operations) = (try quietPort(), try quietPort(), try quietPort())
        let (sandboxURL, coordinatorURL) = ("http://127.0.0.1:\(http)", "http://127.0.0.1:\(port)")
        let ledger = directory.path("ledger.jsonl")
        let sandbox = try ChildProcess(
            try Programs.sandbox, [],
            environment: [
                "FLOTILLA_SANDBOX_HTTP_PORT": "\(http)", "FLOTILLA_SANDBOX_GATEWAY_PORT": "0",
                "FLOTILLA_SANDBOX_LEDGER": ledger, "FLOTILLA_SANDBOX_CONTROL_TOKEN": Self.controlToken,
                "FLOTILLA_SANDBOX_WORLD": "seed=7,guilds=4,members=10-20,applications=2",
                "FLOTILLA_SANDBOX_MAX_CONCURRENCY": "4", "FLOTILLA_LOG_FORMAT": "json",
            ])
        processes.append(sandbox)
        try await sandbox.wait(for: "sandbox is ready")
        let migration = try Programs.start("migrate", ["FLOTILLA_DATABASE_URL": stores.database])
        guard try await migration.exitStatus() == 0 else { throw TestFailure(migration.output) }

        let tokens =
            [first, second].map { "\($0.id)=\($0.developmentToken)" } + ["\(Self.unknown)=\(Self.wrongToken)"]
        let common = [
            "FLOTILLA_DISCORD_TOKENS": tokens.joined(separator: ","), "FLOTILLA_LANES": "4",
            "FLOTILLA_MEMBER_TOKEN": "member-of-two-applications",
        ]
        let discord = ["FLOTILLA_DISCORD_API_URL": "\(sandboxURL)/api/v10"]
        let member = ["FLOTILLA_COORDINATOR_URL": coordinatorURL, "FLOTILLA_REDIS_URL": stores.redis]
        let coordinator = try Programs.start(
            "coordinator",
            [
                "FLOTILLA_DATABASE_URL": stores.database, "FLOTILLA_AMQP_URL": stores.amqpAdministrator,
                "FLOTILLA_HTTP_PORT": "\(port)", "FLOTILLA_OPERATIONS_PORT": "\(operations)",
                "FLOTILLA_MEMBER_ID": "coordinator-0", "FLOTILLA_OPERATOR_TOKEN": Self.operatorToken,
                "FLOTILLA_SHARDS": "2", "FLOTILLA_SHARDS_BY_APPLICATION": "\(second.id)=3",
                "FLOTILLA_INTENTS": "38401", "FLOTILLA_INTENTS_BY_APPLICATION": "\(second.id)=38657",
            ].merging(common.merging(discord) { $1 }) { $1 })
        processes.append(coordinator)
        processes.append(
            try Programs.start(
                "shard",
                [
                    "FLOTILLA_AMQP_URL": stores.amqpShard, "FLOTILLA_MEMBER_ID": "shard-0",
                    "FLOTILLA_SHARD_EVENT_LOOPS": "1",
                ].merging(common.merging(member) { $1 }) { $1 }))
        processes.append(
            try Programs.start(
                "worker",
                ["FLOTILLA_AMQP_URL": stores.amqpWorker, "FLOTILLA_MEMBER_ID": "worker-0"]
                    .merging(common.merging(member) { $1 }.merging(discord) { $1 }) { $1 }))
        return TwoApplications(
            first: first, second: second, sandboxURL: sandboxURL,
            control: SandboxControl(baseURL: sandboxURL, token: Self.controlToken), coordinator: coordinator,
            coordinatorURL: coordinatorURL, operationsURL: "http://127.0.0.1:\(operations)", ledger: ledger)
    }

    func view() async throws -> ClusterView {
        let answer = try await HTTP.get(
            "\(self.coordinatorURL)/v1/cluster", authorization: "Bearer \(Self.operatorToken)")
        guard answer.status == 200 else { throw TestFailure("GET /v1/cluster: \(answer)") }
        return try ClusterJSON.decoder().decode(ClusterView.self, from: Data(answer.body.readableBytesView))
    }

    /// Waits until five slots are ready and all lanes are read.
    func ready() async throws -> ClusterView {
        var view: ClusterView?
        try await eventually(within: .seconds(60), "five slots ready") {
            // Until it leads, it has no answer.
            view = try? await self.view()
            guard let view else { return false }
            return view.slots.count == 5 && view.slots.allSatisfy { $0.status == .ready }
                && view.lanes.count == 4 && view.lanes.allSatisfy { $0.primary != nil }
        }
        return try #require(view)
    }

    var coordinatorIsReady: Bool {
        get async throws { try await HTTP.get("\(self.operationsURL)/readyz").status == 200 }
    }

    func identifies(of application: Application) throws -> Identifies {
        var found = Identifies()
        var reader = LedgerReader(path: self.ledger)
        try reader.readOn { line in
            guard case .identify(let identify) = line.fact, identify.application == "\(application.id)" else { return }
            #expect(identify.outcome == "ready", "\(identify)")
            if let shard = identify.shard { found.shards.append(shard) }
            if let count = identify.numShards { found.numShards.insert(count) }
            found.remaining = min(found.remaining ?? .max, identify.remaining ?? .max)
        }
        found.shards.sort()
        return found
    }

    /// Waits until the application has the slash command `/ping`.
    func waitForPing(of application: Application) async throws {
        let url = "\(self.sandboxURL)/api/v10/applications/\(application.id)/commands"
        try await eventually("/ping of application \(application.id)") {
            try await HTTP.get(url, authorization: "Bot \(application.developmentToken)").json.array?
                .contains { $0["name"]?.string == "ping" } == true
        }
    }

    func resetToken(of application: Application) async throws {
        let answer = try await HTTP.call(
            "PATCH", "\(self.sandboxURL)/sandbox/v1/applications/\(application.id)",
            authorization: "Bearer \(Self.controlToken)", ["token": "another-token-of-the-bot"])
        guard answer.status == 200 else { throw TestFailure("PATCH: \(answer)") }
    }
}
