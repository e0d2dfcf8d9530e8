import ClusterAPI
import CoordinatorCore
import Foundation
import Hummingbird
import Postgres
import Runtime

/// What a coordinator answers while it does not lead: what the leader has written down, and where the leader is.
struct Standby: Sendable {
    /// The row of the leader's lease.
    struct Leader: Sendable {
        let holder: String
        let url: String?
        let epoch: Int64
        /// Its lease has not ended.
        let leads: Bool

        static func read(_ database: some PostgresQuerying) async throws -> Leader? {
            let row = try await database.queryFirst(
                "select holder, url, epoch, expires_at > clock_timestamp() as leads from leader", timeout: .seconds(2))
            return try row.map {
                Leader(
                    holder: try $0.decode("holder"), url: try $0.decode("url"), epoch: try $0.decode("epoch"),
                    leads: try $0.decode("leads"))
            }
        }
    }

    /// However many ask a standby, the database is asked so often.
    private static let leaderFreshness: Duration = .milliseconds(250)
    private static let viewFreshness: Duration = .seconds(1)
    /// How long the database may take, the wait for a connection included. Whoever looks for the leader asks each
    /// coordinator for 1.5 s.
    private static let leaderPatience: Duration = .milliseconds(1400)
    private static let viewPatience: Duration = .seconds(3)

    private let name: String
    private let row: Cached<Leader?>
    private let cluster: Cached<ClusterView>

    /// - Parameter name: this coordinator's.
    init(name: String, policy: ClusterPolicy, pool: PostgresPool) {
        self.name = name
        self.row = Cached(freshness: Self.leaderFreshness) {
            try await Self.within(Self.leaderPatience) { try await Leader.read(pool) }
        }
        self.cluster = Cached(freshness: Self.viewFreshness) {
            try await Self.within(Self.viewPatience) {
                try await pool.transaction(isolation: .repeatableRead, readOnly: true) { transaction in
                    let leader = try await Leader.read(transaction)
                    let loaded = try await ClusterStore.load(from: transaction)
                    let state = ClusterState(policy: policy, firstVersion: 0, loaded: loaded, now: .zero)
                    return state.view(
                        leader: leader.flatMap { $0.leads ? $0.holder : nil } ?? "", now: .zero, date: Date(),
                        standby: name)
                }
            }
        }
    }

    private static func within<Value: Sendable>(
        _ patience: Duration, _ read: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        do {
            return try await withDeadline(patience, read)
        } catch is DeadlineExceeded {
            throw Problem(.unavailable, "the database gave no answer within \(patience): ask again")
        }
    }

    func view() async throws -> ClusterView { try await self.cluster.value() }

    func leader() async throws -> LeaderView {
        let row = try await self.row.value()
        let leads = row?.leads == true
        return LeaderView(
            holder: leads ? row?.holder : nil, url: leads ? row?.url : nil, epoch: row?.epoch ?? 0, isThis: false)
    }

    /// Sends a request on to the leader, its method and body as they are.
    func redirect(_ request: Request) async throws -> Response {
        guard let row = try await self.row.value(), row.leads else {
            throw Problem(.unavailable, "no coordinator leads now: ask again")
        }
        guard row.holder != self.name else {
            throw Problem(.unavailable, "this coordinator is about to lead, or has just lost the lead: ask again")
        }
        guard let url = row.url else {
            throw Problem(.unavailable, "coordinator \(row.holder) leads, and has not told where it is reached")
        }
        let location = url + request.uri.path + (request.uri.query.map { "?\($0)" } ?? "")
        return Response(status: .temporaryRedirect, headers: [.location: location, .cacheControl: "no-store"])
    }
}
