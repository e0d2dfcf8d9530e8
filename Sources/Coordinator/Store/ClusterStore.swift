import ClusterAPI
import Discord
import Foundation
import Postgres

/// The cluster's state in PostgreSQL. Every write is refused once another leader has begun.
struct ClusterStore: Sendable {
    struct Loaded: Sendable {
        var members: [ClusterState.MemberState] = []
        var incarnations: [String: Int] = [:]
        var slots: [ClusterState.SlotState] = []
        var lanes: [Int: ClusterState.LaneState] = [:]
        /// Each with its latest generation.
        var applications: [ClusterState.ApplicationState] = []
    }

    struct LostLeadership: Error {}

    let pool: PostgresPool
    let leaderEpoch: Int64

    /// - Parameter leaseEnds: when the members' leases end; they were not heard of while nobody led.
    func load(leaseEnds: Duration) async throws -> Loaded {
        var loaded = Loaded()
        for row in try await self.pool.query("select * from members") {
            let id: String = try row.decode("id")
            let incarnation: Int = try row.decode("incarnation")
            loaded.incarnations[id] = incarnation
            let state: String = try row.decode("state")
            guard state != "gone", let kind = MemberKind(rawValue: try row.decode("kind")) else { continue }
            loaded.members.append(
                .init(
                    registration: MemberRegistration(
                        id: id, kind: kind, capacity: try row.decode("capacity"), zone: try row.decode("zone"),
                        version: try row.decode("version")),
                    incarnation: incarnation,
                    startedAt: try row.decode("started_at"),
                    leaseEnds: leaseEnds,
                    phase: state == "lost" ? .fencing : state == "draining" ? .draining : .alive
                ))
        }
        for row in try await self.pool.query(
            """
            select distinct on (id) * from applications join generations on application = id
            order by id, generation desc
            """)
        {
            loaded.applications.append(
                .init(
                    id: Snowflake(rawValue: try row.decode("id")), name: try row.decode("name"),
                    generation: try row.decode("generation"), numShards: try row.decode("num_shards"),
                    intents: try row.decode("intents"), gatewayURL: try row.decode("gateway_url")))
        }
        for row in try await self.pool.query("select * from lanes") {
            loaded.lanes[try row.decode("lane")] = .init(
                primary: try row.decode("primary_member"), standby: try row.decode("standby_member"))
        }
        for row in try await self.pool.query("select * from slots") { loaded.slots.append(try Self.slot(from: row)) }
        return loaded
    }

    private static func slot(from row: PostgresRow) throws -> ClusterState.SlotState {
        let slot = Slot(
            application: Snowflake(rawValue: try row.decode("application")), generation: try row.decode("generation"),
            shard: try row.decode("shard"))
        var state = ClusterState.SlotState(slot: slot, numShards: try row.decode("num_shards"))
        state.epoch = try row.decode("epoch")
        if let member: String = try row.decode("member"), let incarnation: Int = try row.decode("incarnation") {
            state.owner = .init(member: member, incarnation: incarnation)
        }
        if let session: String = try row.decode("session_id"), let url: String = try row.decode("resume_url") {
            let watermark: Int64? = try row.decode("watermark")
            state.session = SessionState(sessionID: session, resumeURL: url, sequence: watermark ?? 0)
        }
        return state
    }

    /// Writes members, slots, lanes and applications in one transaction.
    /// - Throws: `LostLeadership` when another leader has begun.
    func save(
        members: [MemberRow],
        slots: [ClusterState.SlotState],
        applications: [ClusterState.ApplicationState],
        lanes: [Int: ClusterState.LaneState] = [:]
    ) async throws {
        try await self.pool.transaction { transaction in
            // The row lock keeps the next leader from beginning before this transaction has ended.
            let leader = try await transaction.queryFirst("select epoch from leader for share")
            guard let leader, try leader.decode(Int64.self, "epoch") == self.leaderEpoch else { throw LostLeadership() }
            for application in applications {
                try await transaction.execute(
                    """
                    insert into applications (id, name, intents, gateway_url)
                    values (\(application.id.rawValue), \(application.name), \(application.intents), \(application.gatewayURL))
                    on conflict (id) do update set name = excluded.name, intents = excluded.intents,
                        gateway_url = excluded.gateway_url
                    """)
                try await transaction.execute(
                    """
                    insert into generations (application, generation, num_shards)
                    values (\(application.id.rawValue), \(application.generation), \(application.numShards))
                    on conflict do nothing
                    """)
            }
            for member in members { try await transaction.execute(member.upsert) }
            if !slots.isEmpty { try await transaction.execute(Self.upsert(slots)) }
            for (lane, state) in lanes {
                try await transaction.execute(
                    """
                    insert into lanes (lane, primary_member, standby_member) values (\(lane), \(state.primary), \(state.standby))
                    on conflict (lane) do update set primary_member = excluded.primary_member,
                        standby_member = excluded.standby_member
                    """)
            }
        }
    }

    struct MemberRow: Sendable {
        let id: String
        /// nil: the member is gone.
        let state: ClusterState.MemberState?

        var upsert: SQL {
            guard let state = self.state else { return "update members set state = 'gone' where id = \(self.id)" }
            let registration = state.registration
            return """
                insert into members (id, kind, incarnation, capacity, zone, version, started_at, state)
                values (\(self.id), \(registration.kind.rawValue), \(state.incarnation), \(registration.capacity),
                    \(registration.zone), \(registration.version), \(state.startedAt), \(state.phase.name))
                on conflict (id) do update set kind = excluded.kind, incarnation = excluded.incarnation,
                    capacity = excluded.capacity, zone = excluded.zone, version = excluded.version,
                    started_at = excluded.started_at, state = excluded.state
                """
        }
    }

    /// One statement for any number of slots. An empty text stands for null in the arrays.
    private static func upsert(_ slots: [ClusterState.SlotState]) -> SQL {
        """
        insert into slots (application, generation, shard, num_shards, epoch, member, incarnation, session_id, resume_url, watermark)
        select application, generation, shard, num_shards, epoch, nullif(member, ''), nullif(incarnation, 0),
            nullif(session_id, ''), nullif(resume_url, ''), watermark
        from unnest(\(slots.map { Int64(bitPattern: $0.slot.application.rawValue) })::bigint[],
            \(slots.map { Int64($0.slot.generation) })::bigint[], \(slots.map { Int64($0.slot.shard) })::bigint[],
            \(slots.map { Int64($0.numShards) })::bigint[], \(slots.map(\.epoch))::bigint[],
            \(slots.map { $0.owner?.member ?? "" })::text[], \(slots.map { Int64($0.owner?.incarnation ?? 0) })::bigint[],
            \(slots.map { $0.session?.sessionID ?? "" })::text[], \(slots.map { $0.session?.resumeURL ?? "" })::text[],
            \(slots.map { $0.session?.sequence ?? 0 })::bigint[])
            as row (application, generation, shard, num_shards, epoch, member, incarnation, session_id, resume_url, watermark)
        on conflict (application, generation, shard) do update set num_shards = excluded.num_shards,
            epoch = excluded.epoch, member = excluded.member, incarnation = excluded.incarnation,
            session_id = excluded.session_id, resume_url = excluded.resume_url, watermark = excluded.watermark,
            updated_at = clock_timestamp()
        """
    }
}
