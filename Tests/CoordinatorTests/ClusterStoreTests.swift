import ClusterAPI
import CoordinatorCore
import Discord
import Foundation
import Postgres
import Testing

@testable import Coordinator

@Suite("Cluster store, on PostgreSQL", .timeLimit(.minutes(1)))
struct ClusterStoreTests {
    private let application = Snowflake(rawValue: 1_100_000_000_000_000_001)
    private let date = Date(timeIntervalSince1970: 1_700_000_000)

    private func store(_ pool: PostgresPool, holder: String = "a") async throws -> ClusterStore {
        let lease = try await LeaderLease.acquire(holder: holder, pool: pool, logger: CoordinatorDatabase.logger)
        return ClusterStore(pool: pool, leaderEpoch: lease.epoch)
    }

    private func member(
        _ id: String, incarnation: Int = 1, phase: ClusterState.MemberState.Phase = .alive
    ) -> ClusterState.MemberState {
        .init(
            registration: MemberRegistration(id: id, kind: .shard, capacity: 250, zone: "z'1", version: "0.1"),
            incarnation: incarnation, startedAt: self.date, leaseEnds: .zero, phase: phase)
    }

    private func slot(
        _ shard: Int, epoch: Int64 = 0, owner: ClusterState.Owner? = nil, session: SessionState? = nil
    ) -> ClusterState.SlotState {
        var state = ClusterState.SlotState(
            slot: Slot(application: self.application, generation: 1, shard: shard), numShards: 4)
        state.epoch = epoch
        state.owner = owner
        state.session = session
        return state
    }

    private func application(generation: Int, numShards: Int) -> ClusterState.ApplicationState {
        .init(
            id: self.application, name: "o'bot", generation: generation, numShards: numShards, intents: 53_608_447,
            gatewayURL: "wss://gateway")
    }

    private func rows(_ members: [ClusterState.MemberState]) -> [StateBatch.MemberRow] {
        members.map { .init(id: $0.registration.id, state: $0) }
    }

    @Test func `A new cluster has nothing`() async throws {
        try await CoordinatorDatabase.run { pool in
            let loaded = try await self.store(pool).load()
            #expect(
                loaded.members.isEmpty && loaded.slots.isEmpty && loaded.incarnations.isEmpty
                    && loaded.applications.isEmpty)
        }
    }

    @Test func `The next leader finds what the last one wrote`() async throws {
        try await CoordinatorDatabase.run { pool in
            let store = try await self.store(pool)
            let members = [
                self.member("a", incarnation: 7), self.member("b", phase: .draining), self.member("c", phase: .fencing),
            ]
            let session = SessionState(
                sessionID: "s", resumeURL: "wss://resume/'", sequence: 1 << 40, cacheIsBehind: true)
            let other = SessionState(sessionID: "t", resumeURL: "wss://r", sequence: 1)
            let slots = [
                self.slot(0, epoch: 1 << 50, owner: .init(member: "a", incarnation: 7), session: session),
                self.slot(1, session: other),
                self.slot(2, epoch: 3, owner: .init(member: "b", incarnation: 1)),
            ]
            try await store.save(
                members: self.rows(members), slots: slots,
                applications: [
                    self.application(generation: 1, numShards: 4), self.application(generation: 2, numShards: 8),
                ],
                lanes: [0: .init(primary: "a", standby: "b"), 3: .init(primary: nil, standby: nil)])
            let loaded = try await store.load()
            #expect(loaded.lanes == [0: .init(primary: "a", standby: "b"), 3: .init(primary: nil, standby: nil)])
            #expect(loaded.incarnations == ["a": 7, "b": 1, "c": 1])
            #expect(loaded.members.sorted { $0.registration.id < $1.registration.id } == members)
            #expect(loaded.slots.sorted { $0.slot < $1.slot } == slots)
            #expect(loaded.applications == [self.application(generation: 2, numShards: 8)])

            // An operator moved one.
            var moved = self.slot(2, epoch: 3, owner: .init(member: "b", incarnation: 1))
            moved.moved = .init(from: "b'", to: "a", until: .seconds(600))
            try await store.save(members: [], slots: [moved], applications: [])
            let found = try await store.load().slots.first { $0.slot.shard == 2 }?.moved
            #expect(found?.from == "b'" && found?.to == "a")
            #expect(found.map { (.seconds(540)...Duration.seconds(600)).contains($0.until) } == true)
            moved.moved = nil
            try await store.save(members: [], slots: [moved], applications: [])
            #expect(try await store.load().slots.first { $0.slot.shard == 2 } == moved)

            // The cache has caught up.
            let caughtUp = SessionState(sessionID: "s", resumeURL: "wss://r", sequence: 1 << 40)
            try await store.save(members: [], slots: [self.slot(0, session: caughtUp)], applications: [])
            #expect(try await store.load().slots.first { $0.slot.shard == 0 }?.session == caughtUp)
        }
    }

    @Test func `Writing again changes what is there, and keeps the incarnations of those who are gone`() async throws {
        try await CoordinatorDatabase.run { pool in
            let store = try await self.store(pool)
            let session = SessionState(sessionID: "s", resumeURL: "wss://r", sequence: 5)
            try await store.save(
                members: self.rows([self.member("a")]),
                slots: [self.slot(0, epoch: 1, owner: .init(member: "a", incarnation: 1), session: session)],
                applications: [])
            try await store.save(
                members: self.rows([self.member("b", incarnation: 2)]) + [.init(id: "a", state: nil)],
                slots: [self.slot(0, epoch: 2)],
                applications: [])
            let loaded = try await store.load()
            #expect(loaded.members.map(\.registration.id) == ["b"])
            #expect(loaded.incarnations == ["a": 1, "b": 2])
            #expect(loaded.slots == [self.slot(0, epoch: 2)], "owner and session are gone")
        }
    }

    @Test func `Nothing is written once another leads`() async throws {
        try await CoordinatorDatabase.run { pool in
            let old = try await self.store(pool)
            try await old.save(
                members: self.rows([self.member("a")]), slots: [self.slot(0, epoch: 1)], applications: [])
            try await pool.execute("update leader set expires_at = clock_timestamp() - interval '1 ms'")
            let new = try await self.store(pool, holder: "b")
            await #expect(throws: ClusterStore.LostLeadership.self) {
                try await old.save(
                    members: self.rows([self.member("x")]), slots: [self.slot(0, epoch: 99)],
                    applications: [self.application(generation: 1, numShards: 4)])
            }
            let loaded = try await new.load()
            #expect(loaded.members.map(\.registration.id) == ["a"] && loaded.slots == [self.slot(0, epoch: 1)])
            #expect(loaded.applications.isEmpty)
            try await new.save(members: [], slots: [self.slot(0, epoch: 2)], applications: [])
        }
    }

    @Test func `A gap is kept once, and the last hundred are found again in their order`() async throws {
        try await CoordinatorDatabase.run { pool in
            let store = try await self.store(pool)
            let gaps = (0..<120).map { number in
                ClusterState.GapState(
                    slot: Slot(application: self.application, generation: 1, shard: number % 4),
                    gap: SessionGap(
                        session: "s'\(number)", after: 1 << 40, reason: "invalid_session", numShards: 4,
                        atMilliseconds: 1_700_000_000_123), member: "a")
            }
            for gap in gaps { try await store.save(members: [], slots: [], applications: [], gaps: [gap]) }
            try await store.save(members: [], slots: [self.slot(1)], applications: [], gaps: [gaps[119], gaps[0]])
            #expect(try await store.load().gaps == Array(gaps.suffix(100)))
            let count: Int? = try await pool.queryFirst("select count(*) as n from gaps")?.decode("n")
            #expect(count == 120)
        }
    }

    @Test func `A thousand slots are one write`() async throws {
        try await CoordinatorDatabase.run { pool in
            let store = try await self.store(pool)
            let slots = (0..<1000).map { self.slot($0, epoch: Int64($0)) }
            try await store.save(members: [], slots: slots, applications: [])
            #expect(try await store.load().slots.sorted { $0.slot < $1.slot } == slots)
        }
    }
}

extension ClusterStore {
    fileprivate func save(
        members: [StateBatch.MemberRow], slots: [ClusterState.SlotState],
        applications: [ClusterState.ApplicationState], lanes: [Int: ClusterState.LaneState] = [:],
        gaps: [ClusterState.GapState] = []
    ) async throws {
        var batch = StateBatch()
        batch.number = try await self.pool.queryFirst("select batch + 1 as next from leader")?.decode("next") ?? 1
        batch.members = members
        batch.slots = slots
        batch.applications = applications
        batch.lanes = lanes
        batch.gaps = gaps
        try await self.save(batch)
    }
}
