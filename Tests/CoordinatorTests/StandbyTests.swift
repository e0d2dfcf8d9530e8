import ClusterAPI
import Foundation
import NIOHTTP1
import Postgres
import TestSupport
import Testing

@testable import Coordinator

@Suite("Standby, on PostgreSQL", .timeLimit(.minutes(2)))
struct StandbyTests {
    @Test func `A standby answers reads and sends writes to the leader, then leads itself`() async throws {
        try await CoordinatorDatabase.run { pool, url in
            try await CoordinatorUnderTest.seed(pool)
            try await CoordinatorUnderTest.run("a", url) { leader in
                try await eventually("the lead") { try await leader.leads() }
                try await CoordinatorUnderTest.run("b", url) { standby in
                    let told = try await standby.get("/v1/leader", token: CoordinatorUnderTest.memberToken)
                        .decoded(LeaderView.self)
                    #expect(told == LeaderView(holder: "a", url: leader.url, epoch: 2, isThis: false))
                    let own = try await leader.get("/v1/leader").decoded(LeaderView.self)
                    #expect(own == LeaderView(holder: "a", url: leader.url, epoch: 2, isThis: true))

                    try await self.expectProbes(standby, leader)
                    try await self.expectRedirects(standby, to: leader)
                    try await self.expectReads(standby)

                    await leader.stop()
                    try await eventually("the other's lead") { try await standby.leads() }
                    #expect(try await standby.operate(OperatorRequest(.uncordon, member: "worker-0")).status == 200)
                    let changes = try await standby.get("/v1/changes?cursor=3-0").decoded(ChangePage.self)
                    #expect(changes.changes.first?.kind == .leader && changes.changes.first?.target == "b")
                    let view = try await standby.get("/v1/cluster").decoded(ClusterView.self)
                    #expect(view.standby == nil && view.leader == "b")
                    let members = view.members.map { "\($0.id) \($0.mark ?? "")" }
                    #expect(members == ["shard-0 cordoned", "worker-0 "], "what the first one did")
                }
            }
        }
    }

    /// Neither a broker nor Discord is there, and only the leader needs them.
    private func expectProbes(_ standby: CoordinatorUnderTest, _ leader: CoordinatorUnderTest) async throws {
        try await eventually("the standby's readiness") {
            try await standby.get(standby.operations + "/readyz", token: nil).status == 200
        }
        let ready = try await leader.get(leader.operations + "/readyz", token: nil)
        #expect(ready.status == 503 && ready.text.contains("broker: ") && !ready.text.contains("database: "))
        for (coordinator, leads) in [(standby, 0), (leader, 1)] {
            let metrics = try await coordinator.get(coordinator.operations + "/metrics", token: nil)
            #expect(metrics.text.contains("\nflotilla_coordinator_leader \(leads).0\n"), "\(metrics.text)")
        }
    }

    private func expectRedirects(_ standby: CoordinatorUnderTest, to leader: CoordinatorUnderTest) async throws {
        let member = CoordinatorUnderTest.memberToken
        for path in [
            "/v1/members", "/v1/members/a/lease", "/v1/members/a/attendance", "/v1/members/a/leave", "/v1/permits",
        ] {
            let answer = try await standby.call(.POST, path, ["a": 1], token: member)
            #expect(answer.status == 307 && answer.headers["location"] == leader.url + path, "\(path)")
            #expect(try await standby.call(.POST, path, ["a": 1], token: "wrong").status == 401)
        }
        let changes = try await standby.get("/v1/changes?cursor=2-0&wait=10")
        #expect(changes.status == 307)
        #expect(changes.headers["location"] == leader.url + "/v1/changes?cursor=2-0&wait=10")
        let cordon = OperatorRequest(.cordon, member: "worker-0")
        let sent = try await standby.operate(cordon, token: CoordinatorUnderTest.ada)
        #expect(sent.status == 307)
        let location = try #require(sent.headers["location"])
        let followed = try await standby.call(.POST, location, cordon, token: CoordinatorUnderTest.ada)
        #expect(followed.status == 200)
    }

    private func expectReads(_ standby: CoordinatorUnderTest) async throws {
        try await eventually("what the leader wrote") {
            let view = try await standby.get("/v1/cluster").decoded(ClusterView.self)
            guard view.members.map(\.mark) == ["cordoned", "cordoned"] else { return false }
            #expect(view.standby == "b" && view.leader == "a")
            #expect(view.members.map(\.id) == ["shard-0", "worker-0"])
            #expect(view.slots.map(\.member) == ["shard-0", "shard-0"] && view.slots.map(\.epoch) == [3, 3])
            #expect(view.applications.map(\.numShards) == [2] && view.gaps?.count == 5 && view.lanes.count == 2)
            return true
        }
        let audit = try await standby.get("/v1/audit?limit=1", token: CoordinatorUnderTest.eve)
        #expect(try audit.decoded(AuditPage.self).items.first?.actor == "ada")
        #expect(try await standby.get("/v1/gaps").decoded(GapPage.self).items.count == 5)
        #expect(try await standby.get("/v1/audit", token: CoordinatorUnderTest.memberToken).status == 403)
    }

    @Test func `While nobody leads, writes are a 503 that says when to ask again`() async throws {
        try await CoordinatorDatabase.run { pool, url in
            try await pool.transaction { transaction in
                // Reads are let through, and nobody can take the lease.
                try await transaction.execute("lock table leader in exclusive mode")
                try await CoordinatorUnderTest.run("a", url) { api in
                    for answer in [
                        try await api.renew(), try await api.operate(OperatorRequest(.rebalance)),
                        try await api.get("/v1/changes"),
                    ] {
                        #expect(answer.status == 503 && answer.headers["retry-after"] == "1")
                        #expect(answer.problem?.code == .unavailable)
                    }
                    let leader = try await api.get("/v1/leader").decoded(LeaderView.self)
                    #expect(leader == LeaderView(holder: nil, url: nil, epoch: 0, isThis: false))
                    let view = try await api.get("/v1/cluster").decoded(ClusterView.self)
                    #expect(view.leader == "" && view.standby == "a" && view.slots.isEmpty)
                }
            }
        }
    }

    @Test func `A standby whose database takes long says so, and lets nobody wait for it`() async throws {
        try await CoordinatorDatabase.run { pool, url in
            try await CoordinatorUnderTest.seed(pool)
            try await pool.execute("update leader set expires_at = clock_timestamp() + interval '1 hour'")
            try await pool.transaction { transaction in
                try await transaction.execute("lock table slots in access exclusive mode")
                try await CoordinatorUnderTest.run("a", url) { api in
                    let answer = try await api.get("/v1/cluster")
                    #expect(answer.status == 503 && answer.headers["retry-after"] == "1")
                    #expect(answer.text.contains("the database gave no answer within"), "\(answer.text)")
                }
            }
        }
    }

    @Test func `Attendances end with the term, and nobody is lost for that`() async throws {
        try await CoordinatorDatabase.run { pool, url in
            try await CoordinatorUnderTest.seed(pool)
            try await CoordinatorUnderTest.run("a", url) { api in
                try await eventually("the lead") { try await api.leads() }
                async let attended = api.call(
                    .POST, "/v1/members/shard-0/attendance", Attendance(incarnation: 4),
                    token: CoordinatorUnderTest.memberToken)
                try await eventually("the attendance") { try await api.attendances() == 1 }
                try await pool.execute(
                    """
                    update leader set holder = 'other', url = 'http://other:1', epoch = epoch + 1,
                        expires_at = clock_timestamp() + interval '1 hour'
                    """)
                #expect(try await attended.status == 204)
                try await pool.execute("update leader set expires_at = clock_timestamp() - interval '1 ms'")
                try await eventually("the lead again") { try await api.leads() }
                let view = try await api.get("/v1/cluster").decoded(ClusterView.self)
                #expect(view.members.first { $0.id == "shard-0" }?.state == "alive")
            }
        }
    }

    @Test func `One that loses the lead is a standby in place, and leads again later`() async throws {
        try await CoordinatorDatabase.run { pool, url in
            try await CoordinatorUnderTest.seed(pool)
            try await CoordinatorUnderTest.run("a", url) { api in
                try await eventually("the lead") { try await api.leads() }
                try await pool.execute(
                    """
                    update leader set holder = 'other', url = 'http://other:1', epoch = epoch + 1,
                        expires_at = clock_timestamp() + interval '1 hour'
                    """)
                try await eventually("the other's lead") {
                    let answer = try await api.operate(OperatorRequest(.cordon, member: "worker-0"))
                    return answer.status == 307 && answer.headers["location"] == "http://other:1/v1/operations"
                }
                #expect(try await api.get("/v1/cluster").decoded(ClusterView.self).leader == "other")
                // The other one changes something and goes.
                try await pool.execute("update members set mark = 'drained' where id = 'worker-0'")
                try await pool.execute("update leader set expires_at = clock_timestamp() - interval '1 ms'")
                try await eventually("the lead again") { try await api.leads() }
                let view = try await api.get("/v1/cluster").decoded(ClusterView.self)
                #expect(view.leader == "a" && view.members.map(\.mark) == ["cordoned", "drained"])
                #expect(try await api.get("/v1/leader").decoded(LeaderView.self).epoch == 4)
                #expect(try await api.operate(OperatorRequest(.uncordon, member: "worker-0")).status == 200)
            }
        }
    }
}
