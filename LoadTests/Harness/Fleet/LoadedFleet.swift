import AMQP
package import ClusterAPI
import Foundation
package import LocalStack
import Logging
import Synchronization
package import TestSupport

/// A sandbox with a generated world, coordinators, shard processes behind a fault proxy and workers, on private stores,
/// with a recorder of all that comes out of the lanes.
package final class LoadedFleet: Sendable {
    package let plan: FleetPlan
    package let coordinators: [FleetProcess]
    package let shards: [FleetProcess]
    package let spareShards: [FleetProcess]
    package let workers: [FleetProcess]
    package let sandbox: FleetProcess
    package let proxy: FaultProxy
    package let recorder: LaneRecorder
    package let control: SandboxControl
    /// The sandbox' REST, and its gateway without TLS and past the proxy, for other clients than the fleet's.
    package let sandboxURL: String
    package let gatewayURL: String
    package let botToken: String
    let stores: StoreFaults
    let redisURL: String
    /// A worker that fetches what the guild cache is unsure of. It would read lanes too: it is started when nothing is
    /// in them any more.
    let refiller: FleetProcess
    package let fleetOperator: FleetOperator
    private let shardCount: Mutex<Int>
    private let seen = Mutex<ClusterView?>(nil)
    private let certificates: TestCertificates

    /// Runs one while `body` does.
    package static func run<Result: Sendable>(
        _ plan: FleetPlan, stores: StoreAddresses, _ body: @escaping @Sendable (LoadedFleet) async throws -> Result
    ) async throws -> Result {
        var plan = plan
        // Whoever ends this program without a stop ends the fleet too.
        plan.environment = stores.mark
        try FileManager.default.createDirectory(atPath: plan.directory, withIntermediateDirectories: true)
        let migration = try ChildProcess(
            plan.flotilla, ["migrate"], environment: ["FLOTILLA_DATABASE_URL": stores.database],
            log: "\(plan.directory)/migrate.log")
        guard try await migration.exitStatus(within: .seconds(60)) == 0 else {
            throw HarnessError("the migration failed: \(migration.output)")
        }
        let fleet = try await LoadedFleet(plan, stores: stores)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await fleet.recorder.run() }
            let outcome: Swift.Result<Result, any Error>
            do {
                try await fleet.start()
                for process in fleet.processes { group.addTask { try await process.supervise() } }
                outcome = .success(try await body(fleet))
            } catch {
                outcome = .failure(error)
            }
            group.cancelAll()
            try await fleet.stop()
            return try outcome.get()
        }
    }

    private init(_ plan: FleetPlan, stores: StoreAddresses) async throws {
        self.plan = plan
        self.certificates = try await TestCertificates()
        func port(_ url: String) throws -> Int {
            guard let port = URLComponents(string: url)?.port else { throw HarnessError("a store's URL has no port") }
            return port
        }
        self.stores = StoreFaults(
            brokerPort: try port(stores.amqpAdministrator), redisPort: try port(stores.redis),
            databasePort: try port(stores.database), redisURL: stores.redis)
        self.shardCount = Mutex(plan.shards)
        let gateway = try quietPort()
        self.proxy = FaultProxy(port: gateway)
        try await self.proxy.start()
        let logger = Logger(label: "harness", factory: { _ in SwiftLogNoOpLogHandler() })
        self.recorder = LaneRecorder(
            lanes: plan.lanes, copies: plan.workers > 0, amqp: try AMQPConfiguration(url: stores.amqpAdministrator),
            logger: logger)
        let http = try quietPort()
        let controlToken = Self.token()
        self.sandboxURL = "http://127.0.0.1:\(http)"
        self.control = SandboxControl(baseURL: self.sandboxURL, token: controlToken)
        let plainGateway = try quietPort()
        self.gatewayURL = "ws://127.0.0.1:\(plainGateway)"
        let coordinatorPorts = try (0..<plan.coordinators).map { _ in try quietPort() }
        let coordinatorURLs = coordinatorPorts.map { "http://127.0.0.1:\($0)" }
        let operatorToken = Self.token()
        self.redisURL = stores.redis
        self.fleetOperator = FleetOperator(coordinators: coordinatorURLs, token: operatorToken)

        let common = ["FLOTILLA_LOG_FORMAT": "json", "FLOTILLA_LOG_LEVEL": plan.logLevel, "DISCORD_TOKEN": ""]
        let bot = Self.token()
        self.botToken = bot
        let member = [
            "FLOTILLA_MEMBER_TOKEN": Self.token(), "FLOTILLA_DISCORD_TOKEN": bot, "FLOTILLA_LANES": "\(plan.lanes)",
        ].merging(common) { $1 }
        self.sandbox = Self.process(
            "sandbox", plan.sandbox, [], plan,
            [
                "FLOTILLA_SANDBOX_HTTP_PORT": "\(http)", "FLOTILLA_SANDBOX_GATEWAY_PORT": "\(plainGateway)",
                "FLOTILLA_SANDBOX_TLS_CERTIFICATE": self.certificates.certificate,
                "FLOTILLA_SANDBOX_TLS_KEY": self.certificates.key,
                "FLOTILLA_SANDBOX_HTTPS_PORT": "0", "FLOTILLA_SANDBOX_GATEWAY_TLS_PORT": "\(gateway)",
                // TLS, as at Discord: it is what turns corruption into a lost connection.
                "FLOTILLA_SANDBOX_GATEWAY_URL": "wss://127.0.0.1:\(self.proxy.port)",
                "FLOTILLA_SANDBOX_LEDGER": plan.ledger, "FLOTILLA_SANDBOX_CONTROL_TOKEN": controlToken,
                "FLOTILLA_SANDBOX_BOT_TOKEN": bot, "FLOTILLA_SANDBOX_WORLD": plan.world,
                "FLOTILLA_SANDBOX_SHARDS": "\(plan.shards)",
                "FLOTILLA_SANDBOX_MAX_CONCURRENCY": "\(plan.maxConcurrency)",
                "FLOTILLA_SANDBOX_IDENTIFY_INTERVAL": plan.identifyInterval,
                "FLOTILLA_SANDBOX_HEARTBEAT_INTERVAL": plan.heartbeatInterval,
                // What a heartbeat says is safe can't be had again: a watermark that is ahead loses events.
                "FLOTILLA_SANDBOX_REPLAY_STRICT": "true", "FLOTILLA_SANDBOX_RATE_LIMITS": "false",
            ].merging(common) { $1 })
        self.coordinators = coordinatorPorts.enumerated().map { index, port in
            Self.process(
                "coordinator-\(index)", plan.flotilla, ["coordinator"], plan,
                [
                    "FLOTILLA_DATABASE_URL": stores.database, "FLOTILLA_AMQP_URL": stores.amqpAdministrator,
                    "FLOTILLA_OPERATOR_TOKEN": operatorToken, "FLOTILLA_HTTP_PORT": "\(port)",
                    "FLOTILLA_MEMBER_ID": "coordinator-\(index)",
                    "FLOTILLA_DISCORD_API_URL": "http://127.0.0.1:\(http)/api/v10",
                    "FLOTILLA_SHARDS": "\(plan.shards)", "FLOTILLA_INTENTS": "\(plan.intents)",
                ].merging(member) { $1 })
        }
        let certificates = self.certificates
        let all = (0..<plan.shardProcesses + plan.spareShardProcesses).map { index in
            Self.process(
                "shard-\(index)", plan.flotilla, ["shard"], plan,
                [
                    "FLOTILLA_AMQP_URL": stores.amqpShard, "FLOTILLA_REDIS_URL": stores.redis,
                    "FLOTILLA_COORDINATOR_URL": coordinatorURLs.joined(separator: ","),
                    "FLOTILLA_MEMBER_ID": "shard-\(index)", "FLOTILLA_ZONE": "local",
                    // As many processes as cores have no use for more threads.
                    "FLOTILLA_SHARD_EVENT_LOOPS": "1",
                    "FLOTILLA_SHARD_DROP_EVENTS": plan.dropped.sorted().joined(separator: ","),
                    "FLOTILLA_GATEWAY_CA_FILE": certificates.authority, "FLOTILLA_CACHE_KINDS": plan.cacheKinds,
                ].merging(member) { $1 })
        }
        self.shards = Array(all.prefix(plan.shardProcesses))
        self.spareShards = Array(all.dropFirst(plan.shardProcesses))
        self.refiller = Self.process(
            "refiller", plan.flotilla, ["worker"], plan,
            [
                "FLOTILLA_AMQP_URL": stores.amqpWorker, "FLOTILLA_REDIS_URL": stores.redis,
                "FLOTILLA_COORDINATOR_URL": coordinatorURLs.joined(separator: ","),
                "FLOTILLA_MEMBER_ID": "refiller", "FLOTILLA_ZONE": "local",
                "FLOTILLA_DISCORD_API_URL": "http://127.0.0.1:\(http)/api/v10",
                "FLOTILLA_CACHE_REFETCH_RATE": "40",
            ].merging(member) { $1 })
        self.workers = (0..<plan.workers).map { index in
            Self.process(
                "worker-\(index)", plan.flotilla, ["worker"], plan,
                [
                    "FLOTILLA_AMQP_URL": stores.amqpWorker, "FLOTILLA_REDIS_URL": stores.redis,
                    "FLOTILLA_COORDINATOR_URL": coordinatorURLs.joined(separator: ","),
                    "FLOTILLA_MEMBER_ID": "worker-\(index)", "FLOTILLA_ZONE": "local",
                    "FLOTILLA_DISCORD_API_URL": "http://127.0.0.1:\(http)/api/v10",
                ].merging(member) { $1 })
        }
    }

    private static func token() -> String {
        (0..<3).map { _ in String(UInt64.random(in: .min ... .max), radix: 36) }.joined(separator: ".")
    }

    private static func process(
        _ name: String, _ program: String, _ arguments: [String], _ plan: FleetPlan, _ environment: [String: String]
    ) -> FleetProcess {
        FleetProcess(name) {
            try ChildProcess(
                program, arguments, environment: plan.environment.merging(environment) { $1 },
                log: "\(plan.directory)/\(name).log")
        }
    }

    package var coordinator: FleetProcess { self.coordinators[0] }
    package var processes: [FleetProcess] {
        [self.sandbox] + self.coordinators + self.shards + self.spareShards + self.workers
    }

    private func start() async throws {
        try self.sandbox.start()
        try await self.sandbox.child?.wait(for: "sandbox is ready", within: .seconds(60))
        for process in self.coordinators { try process.start() }
        // What comes before it reads is not recorded.
        try await eventually(within: .seconds(60), "the recorder on the lanes") { self.recorder.isConnected }
        for process in self.shards + self.workers { try process.start() }
        try await self.waitUntilReady(within: .seconds(120))
    }

    private func stop() async throws {
        try await self.refiller.stop()
        for process in self.shards + self.spareShards + self.workers { try await process.stop() }
        for process in self.coordinators + [self.sandbox] { try await process.stop() }
        await self.proxy.stop()
        try await self.fleetOperator.close()
    }

    // MARK: What it says

    /// nil: no coordinator has an answer now.
    package func view() async -> ClusterView? {
        guard let view = await self.fleetOperator.view() else { return nil }
        self.seen.withLock { $0 = view }
        return view
    }

    /// What a coordinator says, or said last, as long as none has an answer.
    func lastView() async -> ClusterView? { await self.view() ?? self.seen.withLock { $0 } }

    /// From now on so many shards are expected.
    package func expect(shards: Int) { self.shardCount.withLock { $0 = shards } }

    /// Why not every slot is ready; nil: all are.
    package func unreadiness() async -> String? {
        guard let view = await self.view() else { return "the coordinator doesn't answer" }
        let expected = self.shardCount.withLock { $0 }
        guard view.slots.count == expected else { return "\(view.slots.count) slots instead of \(expected)" }
        let waiting = view.slots.filter { $0.status != .ready || $0.member == nil }
        guard let first = waiting.first else { return nil }
        return "\(waiting.count) slots are not ready, shard \(first.shard) is \(first.status) at "
            + "\(first.member ?? "nobody") \(first.reason ?? "")"
    }

    package func waitUntilReady(within limit: Duration) async throws {
        var reason: String?
        do {
            try await eventually(within: limit, "every slot ready") {
                reason = await self.unreadiness()
                return reason == nil
            }
        } catch {
            throw HarnessError("\(error): \(reason ?? "")")
        }
    }
}
