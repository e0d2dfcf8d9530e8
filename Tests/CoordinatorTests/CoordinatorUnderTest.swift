import AsyncHTTPClient
import ClusterAPI
import CoordinatorCore
import Discord
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Postgres
import Runtime
import ServiceLifecycle
import TestSupport

@testable import Coordinator

/// A whole coordinator in this process, on a real database. Neither a broker nor Discord is there: nobody registers,
/// and members that an earlier leader knew go on.
struct CoordinatorUnderTest: Sendable {
    struct Answer {
        let status: Int
        let headers: [String: String]
        let body: Data

        var text: String { String(decoding: self.body, as: UTF8.self) }
        var problem: Problem? { try? ClusterJSON.decoder().decode(Problem.self, from: self.body) }

        func decoded<Value: Decodable>(_ type: Value.Type) throws -> Value {
            try ClusterJSON.decoder().decode(type, from: self.body)
        }
    }

    static let memberToken = "the-member-token"
    static let operatorToken = "the-operator-token"
    /// Names and tokens in the operators' file.
    static let ada = "token-of-ada-0123"
    static let eve = "token-of-eve-0123"

    let name: String
    let url: String
    /// Of probes and metrics.
    let operations: String
    let group: ServiceGroup
    let http: HTTPClient

    /// Runs a coordinator beside `body`, and stops it afterwards.
    static func run(
        _ name: String, _ database: String, _ change: (inout ClusterPolicy) -> Void = { _ in },
        _ body: @Sendable @escaping (CoordinatorUnderTest) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory("coordinator")
        let operators = "# who may\nada operate \(Self.ada)\neve view \(Self.eve)\n"
        let (port, operations) = (try quietPort(), try quietPort())
        var settings = CoordinatorSettings(
            SettingsReader(
                SettingsSource(environment: [
                    "FLOTILLA_HTTP_PORT": "\(port)", "FLOTILLA_OPERATIONS_PORT": "\(operations)",
                    "FLOTILLA_MEMBER_ID": name, "FLOTILLA_DATABASE_URL": database,
                    "FLOTILLA_AMQP_URL": "amqp://a:b@127.0.0.1:\(try quietPort())/", "FLOTILLA_LANES": "2",
                    "FLOTILLA_LEASE": "120s",
                    "FLOTILLA_DISCORD_API_URL": "http://127.0.0.1:\(try quietPort())", "FLOTILLA_DISCORD_TOKEN": "d",
                    "FLOTILLA_MEMBER_TOKEN": Self.memberToken, "FLOTILLA_OPERATOR_TOKEN": Self.operatorToken,
                    "FLOTILLA_OPERATORS_FILE": try directory.write(operators, to: "operators"),
                ])), processID: 1)
        change(&settings.policy)
        let services = try coordinatorServices(settings, logger: CoordinatorDatabase.logger)
        // Redirects are what is tested.
        let http = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: .init(redirectConfiguration: .disallow))
        let coordinator = CoordinatorUnderTest(
            name: name, url: "http://127.0.0.1:\(port)", operations: "http://127.0.0.1:\(operations)",
            group: ServiceGroup(services: services, logger: CoordinatorDatabase.logger), http: http)
        let outcome: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await coordinator.group.run() }
                let outcome: Result<Void, any Error>
                do {
                    try await eventually("the listener") { await coordinator.answers }
                    outcome = .success(try await body(coordinator))
                } catch {
                    outcome = .failure(error)
                }
                await coordinator.stop()
                try await tasks.waitForAll()
                try outcome.get()
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        try await http.shutdown()
        try outcome.get()
    }

    func stop() async { await self.group.triggerGracefulShutdown() }

    private var answers: Bool {
        get async {
            // Not yet listening is what is waited for.
            (try? await self.get("/openapi.json", token: nil).status) == 200
        }
    }

    func leads() async throws -> Bool {
        let answer = try await self.get("/v1/leader")
        return answer.status == 200 ? try answer.decoded(LeaderView.self).isThis : false
    }

    func call(
        _ method: HTTPMethod, _ path: String, _ body: (any Encodable & Sendable)? = nil, token: String? = operatorToken
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: path.hasPrefix("http") ? path : self.url + path)
        request.method = method
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body { request.body = .bytes(ByteBuffer(bytes: try ClusterJSON.encoder().encode(body))) }
        let response = try await self.http.execute(request, timeout: .seconds(40))
        let headers = response.headers.map { ($0.name.lowercased(), $0.value) }
        return Answer(
            status: Int(response.status.code), headers: Dictionary(headers) { first, _ in first },
            body: Data(try await response.body.collect(upTo: 1 << 24).readableBytesView))
    }

    func get(_ path: String, token: String? = operatorToken) async throws -> Answer {
        try await self.call(.GET, path, token: token)
    }

    func operate(_ operation: OperatorRequest, token: String? = operatorToken) async throws -> Answer {
        try await self.call(.POST, "/v1/operations", operation, token: token)
    }

    /// As the worker that an earlier leader knew.
    func renew() async throws -> Answer {
        try await self.call(
            .POST, "/v1/members/worker-0/lease",
            LeaseRenewal(incarnation: 1, appliedVersion: 0, waitMilliseconds: 0), token: Self.memberToken)
    }

    /// How many attendances are held, by the metrics.
    func attendances() async throws -> Int? {
        let metrics = try await self.get("\(self.operations)/metrics", token: nil).text
        return metrics.firstMatch(of: /\nflotilla_coordinator_attendances ([0-9]+)/).flatMap { Int($0.1) }
    }

    /// Attends over a connection that breaks while the attendance is held.
    func attendAndBreak(_ member: String, incarnation: Int) async throws {
        let body = #"{"incarnation":\#(incarnation)}"#
        let request =
            "POST /v1/members/\(member)/attendance HTTP/1.1\r\nhost: a\r\nauthorization: Bearer \(Self.memberToken)\r\n"
            + "content-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
        let address = try SocketAddress.makeAddressResolvingHost("127.0.0.1", port: URL(string: self.url)?.port ?? 0)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(to: address).get()
        try await channel.writeAndFlush(ByteBuffer(string: request))
        try await eventually("the attendance") { try await self.attendances() == 1 }
        try await channel.close()
    }

    // MARK: What an earlier leader left behind

    static let application = Snowflake(rawValue: 1_100_000_000_000_000_001)

    /// A worker, two slots of a shard member, gaps and audit entries, written down by a leader that is gone.
    static func seed(_ pool: PostgresPool) async throws {
        let lease = try await LeaderLease.acquire(holder: "earlier", pool: pool, logger: CoordinatorDatabase.logger)
        var batch = StateBatch()
        batch.number = 1
        batch.applications = [
            .init(
                id: self.application, name: "bot", generation: 1, numShards: 2, intents: 1, gatewayURL: "wss://g")
        ]
        batch.members = [
            .init(
                id: "shard-0",
                state: .init(
                    registration: MemberRegistration(id: "shard-0", kind: .shard, capacity: 9, zone: "z", version: "v"),
                    incarnation: 4, startedAt: Date(timeIntervalSince1970: 1_700_000_000), leaseEnds: .zero),
                mark: .cordoned),
            .init(
                id: "worker-0",
                state: .init(
                    registration: MemberRegistration(
                        id: "worker-0", kind: .worker, capacity: 9, zone: "z", version: "v"),
                    incarnation: 1, startedAt: Date(timeIntervalSince1970: 1_700_000_000), leaseEnds: .zero)),
        ]
        batch.slots = (0..<2).map {
            var slot = ClusterState.SlotState(
                slot: Slot(application: self.application, generation: 1, shard: $0), numShards: 2)
            slot.epoch = 3
            slot.owner = .init(member: "shard-0", incarnation: 4)
            return slot
        }
        batch.gaps = (0..<5).map {
            .init(
                slot: Slot(application: self.application, generation: 1, shard: $0 % 2),
                gap: SessionGap(
                    session: "s\($0)", after: Int64($0), reason: "invalid_session", numShards: 2,
                    atMilliseconds: 1_700_000_000_123 + Int64($0)), member: "shard-0")
        }
        for number in 0..<5 {
            let isReshard = number == 4
            let target = isReshard ? "\(self.application)" : "\(batch.slots[number % 2].slot)"
            batch.audit.append(
                AuditEntry(
                    at: Date(timeIntervalSince1970: 1_700_000_000 + Double(number)),
                    actor: number == 3 ? "grace" : "old", action: isReshard ? "reshard" : "pin", target: target,
                    detail: "n\(number)"))
        }
        try await ClusterStore(pool: pool, leaderEpoch: lease.epoch).save(batch)
        try await pool.execute("update leader set expires_at = clock_timestamp() - interval '1 ms'")
    }
}
