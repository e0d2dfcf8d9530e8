import ClusterAPI
import CoordinatorCore
import Discord
import Foundation
import Postgres

/// The cluster's state in PostgreSQL. Every write is refused once another leader has begun.
struct ClusterStore: Sendable {
    struct LostLeadership: Error, CustomStringConvertible {
        let description = "another coordinator leads"
    }

    let pool: PostgresPool
    let leaderEpoch: Int64

    /// To be called after this coordinator began to lead: nobody else writes from then on.
    func load() async throws -> LoadedState { try await Self.load(from: self.pool) }

    /// What is written down; without a lease it may change at any time.
    static func load(from database: some PostgresQuerying) async throws -> LoadedState {
        var loaded = LoadedState()
        for row in try await database.query("select * from members") {
            let id: String = try row.decode("id")
            let incarnation: Int = try row.decode("incarnation")
            loaded.incarnations[id] = incarnation
            let mark: String? = try row.decode("mark")
            loaded.marks[id] = mark.flatMap(ClusterState.Mark.init)
            let state: String = try row.decode("state")
            guard state != "gone", let kind = MemberKind(rawValue: try row.decode("kind")) else { continue }
            loaded.members.append(
                .init(
                    registration: MemberRegistration(
                        id: id, kind: kind, capacity: try row.decode("capacity"), zone: try row.decode("zone"),
                        version: try row.decode("version")),
                    incarnation: incarnation,
                    startedAt: try row.decode("started_at"),
                    leaseEnds: .zero,
                    phase: state == "lost" ? .fencing : state == "draining" ? .draining : .alive
                ))
        }
        try await Self.loadApplications(into: &loaded, from: database)
        for row in try await database.query("select * from lanes") {
            loaded.lanes[try row.decode("lane")] = .init(
                primary: try row.decode("primary_member"), standby: try row.decode("standby_member"))
        }
        for row in try await database.query(
            "select *, extract(epoch from moved_until - clock_timestamp())::float8 as moved_for from slots")
        {
            loaded.slots.append(try Self.slot(from: row))
        }
        for row in try await database.query(
            """
            select * from (
                select *, (extract(epoch from at) * 1000)::bigint as milliseconds from gaps
                order by id desc limit \(ClusterView.mostGaps)
            ) as latest order by id
            """)
        {
            loaded.gaps.append(try Self.gap(from: row))
        }
        for row in try await database.query("select name, document::text as document from operations") {
            let document = Data(try row.decode(String.self, "document").utf8)
            switch try row.decode(String.self, "name") {
            case Self.reshard:
                let reshard = try ClusterJSON.decoder().decode(Reshard.self, from: document)
                loaded.reshards[reshard.application] = reshard
            case Self.restart:
                loaded.restart = try ClusterJSON.decoder().decode(RollingRestart.self, from: document)
            default: break
            }
        }
        return loaded
    }

    private static func loadApplications(
        into loaded: inout LoadedState, from database: some PostgresQuerying
    ) async throws {
        for row in try await database.query(
            """
            select applications.*, num_shards,
                (select max(latest.generation) from generations as latest where latest.application = id) as latest
            from applications
            join generations on generations.application = id and generations.generation = applications.generation
            """)
        {
            let id = Snowflake(rawValue: try row.decode("id"))
            loaded.applications.append(
                .init(
                    id: id, name: try row.decode("name"), generation: try row.decode("generation"),
                    numShards: try row.decode("num_shards"), intents: try row.decode("intents"),
                    gatewayURL: try row.decode("gateway_url"), isResharded: try row.decode("resharded")))
            loaded.latestGenerations[id] = try row.decode("latest")
        }
        // What an earlier leader permitted so lately may not be in Discord's count yet.
        for row in try await database.query(
            """
            select application, count(*) as permits from identify_permits
            where granted_at > clock_timestamp() - interval '15 seconds' group by application
            """)
        {
            loaded.recentPermits[Snowflake(rawValue: try row.decode("application"))] = try row.decode("permits")
        }
    }

    private static let reshard = "reshard"
    private static let restart = "restart"

    static func gap(from row: PostgresRow) throws -> ClusterState.GapState {
        let slot = Slot(
            application: Snowflake(rawValue: try row.decode("application")), generation: try row.decode("generation"),
            shard: try row.decode("shard"))
        let gap = SessionGap(
            session: try row.decode("session"), after: try row.decode("after"), reason: try row.decode("reason"),
            numShards: try row.decode("num_shards"), atMilliseconds: try row.decode("milliseconds"))
        return .init(slot: slot, gap: gap, member: try row.decode("member"))
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
            let isBehind: Bool = try row.decode("cache_is_behind")
            state.session = SessionState(
                sessionID: session, resumeURL: url, sequence: watermark ?? 0, cacheIsBehind: isBehind ? true : nil)
        }
        state.pin = try row.decode("pin")
        state.unknownSince = try row.decode("unknown_since")
        if let from: String = try row.decode("moved_from"), let to: String = try row.decode("moved_to"),
            let seconds: Double = try row.decode("moved_for")
        {
            state.moved = .init(from: from, to: to, until: .seconds(seconds))
        }
        return state
    }

    /// A later write of the same leader is there already: this one was on its way for too long.
    struct Superseded: Error, CustomStringConvertible {
        let description = "a later write came first"
    }

    /// Writes all of it in one transaction.
    /// - Throws: `LostLeadership` when another leader has begun; nothing is written then.
    func save(_ batch: StateBatch) async throws {
        try await self.pool.transaction { transaction in
            // The row lock keeps the next leader from beginning before this transaction has ended; should the process
            // vanish in the middle, the lock goes in time.
            let leads = try await transaction.queryFirst(
                """
                update leader set batch = \(batch.number) where epoch = \(self.leaderEpoch) and batch < \(batch.number)
                returning set_config('idle_in_transaction_session_timeout', '3000', true)
                """)
            if leads == nil {
                let epoch = try await transaction.queryFirst("select epoch from leader")
                if try epoch?.decode(Int64.self, "epoch") == self.leaderEpoch { throw Superseded() }
                throw LostLeadership()
            }
            for statement in try Self.statements(of: batch) { try await transaction.execute(statement) }
        }
    }

    private static func statements(of batch: StateBatch) throws -> [SQL] {
        var statements: [SQL] = []
        for application in batch.applications {
            statements.append(
                """
                insert into applications (id, name, intents, gateway_url, generation, resharded)
                values (\(application.id.rawValue), \(application.name), \(application.intents),
                    \(application.gatewayURL), \(application.generation), \(application.isResharded))
                on conflict (id) do update set name = excluded.name, intents = excluded.intents,
                    gateway_url = excluded.gateway_url, generation = excluded.generation,
                    resharded = excluded.resharded
                """)
            statements.append(
                Self.insertGeneration(application.id, application.generation, numShards: application.numShards))
        }
        statements += batch.members.map(\.upsert)
        if !batch.slots.isEmpty { statements.append(Self.upsert(batch.slots)) }
        if !batch.droppedSlots.isEmpty { statements.append(Self.delete(batch.droppedSlots)) }
        if !batch.watermarks.isEmpty { statements.append(Self.update(batch.watermarks)) }
        if !batch.gaps.isEmpty { statements.append(Self.insert(batch.gaps)) }
        for (lane, state) in batch.lanes.sorted(by: { $0.key < $1.key }) {
            statements.append(
                """
                insert into lanes (lane, primary_member, standby_member) values (\(lane), \(state.primary), \(state.standby))
                on conflict (lane) do update set primary_member = excluded.primary_member,
                    standby_member = excluded.standby_member
                """)
        }
        for (application, reshard) in batch.reshards.sorted(by: { $0.key < $1.key }) {
            if let reshard {
                statements.append(Self.insertGeneration(application, reshard.to, numShards: reshard.toShards))
            }
            statements.append(try Self.operation(Self.reshard, target: "\(application)", document: reshard))
        }
        if let restart = batch.restart {
            statements.append(try Self.operation(Self.restart, target: "fleet", document: restart))
        }
        for entry in batch.audit {
            statements.append(
                """
                insert into audit (at, actor, action, target, detail)
                values (\(entry.at), \(entry.actor), \(entry.action), \(entry.target), \(entry.detail))
                """)
        }
        return statements
    }

    private static func insertGeneration(_ application: Snowflake, _ generation: Int, numShards: Int) -> SQL {
        """
        insert into generations (application, generation, num_shards)
        values (\(application.rawValue), \(generation), \(numShards)) on conflict do nothing
        """
    }

    /// - Parameter document: nil: it is over.
    private static func operation(_ name: String, target: String, document: (some Encodable)?) throws -> SQL {
        guard let document else { return "delete from operations where name = \(name) and target = \(target)" }
        let text = String(decoding: try ClusterJSON.encoder().encode(document), as: UTF8.self)
        return """
            insert into operations (name, target, document) values (\(name), \(target), \(text)::jsonb)
            on conflict (name, target) do update set document = excluded.document, updated_at = clock_timestamp()
            """
    }

    private static func delete(_ slots: [Slot]) -> SQL {
        """
        delete from slots using unnest(\(slots.map { Int64(bitPattern: $0.application.rawValue) })::bigint[],
            \(slots.map { Int64($0.generation) })::bigint[], \(slots.map { Int64($0.shard) })::bigint[])
            as row (application, generation, shard)
        where slots.application = row.application and slots.generation = row.generation and slots.shard = row.shard
        """
    }

    /// A watermark belongs to the session and the epoch that are there, or is not written.
    private static func update(_ watermarks: [StateBatch.WatermarkRow]) -> SQL {
        """
        update slots set watermark = row.watermark, updated_at = clock_timestamp()
        from unnest(\(watermarks.map { Int64(bitPattern: $0.slot.application.rawValue) })::bigint[],
            \(watermarks.map { Int64($0.slot.generation) })::bigint[],
            \(watermarks.map { Int64($0.slot.shard) })::bigint[], \(watermarks.map(\.epoch))::bigint[],
            \(watermarks.map(\.session.sessionID))::text[], \(watermarks.map(\.session.sequence))::bigint[])
            as row (application, generation, shard, epoch, session_id, watermark)
        where slots.application = row.application and slots.generation = row.generation and slots.shard = row.shard
            and slots.epoch = row.epoch and slots.session_id = row.session_id
        """
    }

    /// One statement for any number of slots. An empty text stands for null in the arrays.
    private static func upsert(_ slots: [ClusterState.SlotState]) -> SQL {
        """
        insert into slots (application, generation, shard, num_shards, epoch, member, incarnation, session_id, resume_url, watermark, pin, unknown_since, cache_is_behind, moved_from, moved_to, moved_until)
        select application, generation, shard, num_shards, epoch, nullif(member, ''), nullif(incarnation, 0),
            nullif(session_id, ''), nullif(resume_url, ''), watermark, nullif(pin, ''), nullif(unknown_since, 0), cache_is_behind <> 0,
            nullif(moved_from, ''), nullif(moved_to, ''),
            case when moved_to <> '' then clock_timestamp() + make_interval(secs => moved_for / 1000.0) end
        from unnest(\(slots.map { Int64(bitPattern: $0.slot.application.rawValue) })::bigint[],
            \(slots.map { Int64($0.slot.generation) })::bigint[], \(slots.map { Int64($0.slot.shard) })::bigint[],
            \(slots.map { Int64($0.numShards) })::bigint[], \(slots.map(\.epoch))::bigint[],
            \(slots.map { $0.owner?.member ?? "" })::text[], \(slots.map { Int64($0.owner?.incarnation ?? 0) })::bigint[],
            \(slots.map { $0.session?.sessionID ?? "" })::text[], \(slots.map { $0.session?.resumeURL ?? "" })::text[],
            \(slots.map { $0.session?.sequence ?? 0 })::bigint[], \(slots.map { $0.pin ?? "" })::text[],
            \(slots.map { $0.unknownSince ?? 0 })::bigint[],
            \(slots.map { $0.session?.cacheIsBehind == true ? Int64(1) : 0 })::bigint[],
            \(slots.map { $0.moved?.from ?? "" })::text[], \(slots.map { $0.moved?.to ?? "" })::text[],
            \(slots.map { $0.moved.map { Int64($0.until / .milliseconds(1)) } ?? 0 })::bigint[])
            as row (application, generation, shard, num_shards, epoch, member, incarnation, session_id, resume_url,
                watermark, pin, unknown_since, cache_is_behind, moved_from, moved_to, moved_for)
        on conflict (application, generation, shard) do update set num_shards = excluded.num_shards,
            epoch = excluded.epoch, member = excluded.member, incarnation = excluded.incarnation,
            session_id = excluded.session_id, resume_url = excluded.resume_url, watermark = excluded.watermark,
            pin = excluded.pin, unknown_since = excluded.unknown_since,
            cache_is_behind = excluded.cache_is_behind, moved_from = excluded.moved_from,
            moved_to = excluded.moved_to, moved_until = excluded.moved_until, updated_at = clock_timestamp()
        """
    }

    /// A gap that is told again is the one that is there.
    private static func insert(_ gaps: [ClusterState.GapState]) -> SQL {
        """
        insert into gaps (application, generation, shard, num_shards, session, after, reason, at, member)
        select application, generation, shard, num_shards, session, after, reason,
            timestamptz 'epoch' + milliseconds * interval '1 millisecond', member
        from unnest(\(gaps.map { Int64(bitPattern: $0.slot.application.rawValue) })::bigint[],
            \(gaps.map { Int64($0.slot.generation) })::bigint[], \(gaps.map { Int64($0.slot.shard) })::bigint[],
            \(gaps.map { Int64($0.gap.numShards) })::bigint[], \(gaps.map(\.gap.session))::text[],
            \(gaps.map(\.gap.after))::bigint[], \(gaps.map(\.gap.reason))::text[],
            \(gaps.map(\.gap.atMilliseconds))::bigint[], \(gaps.map(\.member))::text[])
            as row (application, generation, shard, num_shards, session, after, reason, milliseconds, member)
        on conflict do nothing
        """
    }
}

extension StateBatch.MemberRow {
    var upsert: SQL {
        guard let state = self.state else {
            return "update members set state = 'gone', mark = \(self.mark?.rawValue) where id = \(self.id)"
        }
        let registration = state.registration
        return """
            insert into members (id, kind, incarnation, capacity, zone, version, started_at, state, mark)
            values (\(self.id), \(registration.kind.rawValue), \(state.incarnation), \(registration.capacity),
                \(registration.zone), \(registration.version), \(state.startedAt), \(state.phase.name),
                \(self.mark?.rawValue))
            on conflict (id) do update set kind = excluded.kind, incarnation = excluded.incarnation,
                capacity = excluded.capacity, zone = excluded.zone, version = excluded.version,
                started_at = excluded.started_at, state = excluded.state, mark = excluded.mark
            """
    }
}
