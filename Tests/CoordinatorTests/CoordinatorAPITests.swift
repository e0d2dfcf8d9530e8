import ClusterAPI
import CoordinatorCore
import Discord
import Foundation
import NIOHTTP1
import Postgres
import Runtime
import TestSupport
import Testing

@testable import Coordinator

@Suite("HTTP interface, on PostgreSQL", .timeLimit(.minutes(2)))
struct CoordinatorAPITests {
    private func withLeader(
        _ change: @Sendable @escaping (inout ClusterPolicy) -> Void = { _ in },
        _ body: @Sendable @escaping (CoordinatorUnderTest) async throws -> Void
    ) async throws {
        try await CoordinatorDatabase.run { pool, url in
            try await CoordinatorUnderTest.seed(pool)
            try await CoordinatorUnderTest.run("a", url, change) { coordinator in
                try await eventually("the lead") { try await coordinator.leads() }
                try await body(coordinator)
            }
        }
    }

    // MARK: Who may what

    @Test func `Without a known token nothing is answered, and roles decide what may be done`() async throws {
        try await self.withLeader { api in
            let reads = ["/v1/cluster", "/v1/leader", "/v1/audit", "/v1/gaps", "/v1/changes"]
            for path in reads {
                for token in [nil, "wrong", ""] {
                    let answer = try await api.get(path, token: token)
                    #expect(answer.status == 401 && answer.problem?.code == .unauthorized, "\(path)")
                    #expect(answer.headers["www-authenticate"] == "Bearer")
                    #expect(answer.headers["content-type"] == Problem.contentType)
                }
                for token in [CoordinatorUnderTest.ada, CoordinatorUnderTest.eve, CoordinatorUnderTest.operatorToken] {
                    #expect(try await api.get(path, token: token).status == 200, "\(path)")
                }
                let member = try await api.get(path, token: CoordinatorUnderTest.memberToken).status
                #expect(member == (["/v1/cluster", "/v1/leader"].contains(path) ? 200 : 403), "\(path)")
            }
            #expect(try await api.get("/openapi.json", token: nil).status == 200)
            for path in [
                "/v1/members", "/v1/members/a/lease", "/v1/members/a/attendance", "/v1/members/a/leave", "/v1/permits",
            ] {
                let answer = try await api.call(.POST, path, ["a": 1], token: CoordinatorUnderTest.ada)
                #expect(answer.status == 403 && answer.problem?.code == .forbidden, "\(path)")
            }
            let cordon = OperatorRequest(.uncordon, member: "shard-0")
            for token in [CoordinatorUnderTest.eve, CoordinatorUnderTest.memberToken] {
                let answer = try await api.operate(cordon, token: token)
                #expect(answer.status == 403 && answer.problem?.code == .forbidden)
            }
            #expect(try await api.operate(cordon, token: "wrong").status == 401)
            #expect(try await api.get("/v1/cluster").decoded(ClusterView.self).members.first?.mark == "cordoned")
        }
    }

    @Test(arguments: OperatorRequest.Name.allCases)
    func `A dry run changes nothing, whatever it asks for`(name: OperatorRequest.Name) async throws {
        try await self.withLeader { api in
            let before = try await api.get("/v1/cluster").decoded(ClusterView.self)
            let request = OperatorRequest(
                name, shard: 0, member: "shard-0", shards: 4, dryRun: true, force: true)
            let answer = try await api.operate(request, token: CoordinatorUnderTest.eve)
            #expect([200, 400].contains(answer.status), "\(answer.text)")
            let after = try await api.get("/v1/cluster").decoded(ClusterView.self)
            #expect(after.members.map(\.mark) == before.members.map(\.mark))
            #expect(after.slots.map(\.pin) == before.slots.map(\.pin) && after.restart == nil)
            let audit = try await api.get("/v1/audit").decoded(AuditPage.self)
            #expect(audit.items.allSatisfy { $0.actor == "old" || $0.actor == "grace" })
        }
    }

    // MARK: Attendance

    @Test func `Who has attended for long enough attends again, and nobody is lost for that`() async throws {
        try await self.withLeader {
            $0.attendance = .milliseconds(500)
            $0.doubt = .milliseconds(50)
        } _: { api in
            // The second one outlasts a doubt that the first would have left.
            for _ in 0..<2 {
                let ended = try await api.call(
                    .POST, "/v1/members/shard-0/attendance", Attendance(incarnation: 4),
                    token: CoordinatorUnderTest.memberToken)
                #expect(ended.status == 204 && ended.headers["connection"] == "close")
            }
            let view = try await api.get("/v1/cluster").decoded(ClusterView.self)
            #expect(view.members.map(\.id).sorted() == ["shard-0", "worker-0"])
            #expect(view.members.allSatisfy { $0.state == "alive" })
        }
    }

    @Test func `A member whose attendance breaks off is lost long before its lease ends`() async throws {
        try await self.withLeader {
            $0.doubt = .milliseconds(300)
        } _: { api in
            try await api.attendAndBreak("worker-0", incarnation: 1)
            try await eventually("the loss of worker-0") {
                let view = try await api.get("/v1/cluster").decoded(ClusterView.self)
                return view.members.map(\.id) == ["shard-0"] && view.members[0].state == "alive"
            }
        }
    }

    @Test func `An attendance that is no attendance is refused`() async throws {
        try await self.withLeader { api in
            let answer = try await api.call(
                .POST, "/v1/members/shard-0/attendance", ["life": 4], token: CoordinatorUnderTest.memberToken)
            #expect(answer.status == 400 && answer.text.contains("incarnation"))
        }
    }

    // MARK: Reads

    @Test func `The audit log says who asked, by the name of the token`() async throws {
        try await self.withLeader { api in
            let pin = OperatorRequest(.pin, shard: 1, member: "shard-0")
            #expect(try await api.operate(pin, token: CoordinatorUnderTest.ada).status == 200)
            #expect(try await api.operate(OperatorRequest(.uncordon, member: "shard-0")).status == 200)
            let page = try await api.get("/v1/audit?limit=2", token: CoordinatorUnderTest.eve).decoded(AuditPage.self)
            #expect(page.items.map(\.actor) == ["operator", "ada"])
            #expect(page.items.map(\.action) == ["uncordon", "pin"])
            #expect(page.items.map(\.target) == ["shard-0", "\(CoordinatorUnderTest.application).1.1"])
            let mine = try await api.get("/v1/audit?actor=ada&action=pin").decoded(AuditPage.self)
            #expect(mine.items == [page.items[1]] && mine.nextCursor == nil)
            let view = try await api.get("/v1/cluster").decoded(ClusterView.self)
            #expect(view.slots[1].pin == "shard-0" && view.standby == nil && view.leader == "a")
        }
    }

    @Test func `A rolling restart is shown with whom it waits for`() async throws {
        try await self.withLeader { api in
            #expect(try await api.operate(OperatorRequest(.restart), token: CoordinatorUnderTest.ada).status == 200)
            let restart = try #require(try await api.get("/v1/cluster").decoded(ClusterView.self).restart)
            #expect(restart.requestedBy == "ada" && restart.done == 0)
            #expect([restart.current].compactMap(\.self) + restart.waiting == ["worker-0", "shard-0"])
        }
    }

    @Test func `Lists are read page by page, and filtered`() async throws {
        try await self.withLeader { api in
            var details: [String] = []
            var path: String? = "/v1/audit?limit=2"
            while let next = path {
                let page = try await api.get(next).decoded(AuditPage.self)
                #expect(page.items.count <= 2)
                details += page.items.map(\.detail)
                path = page.nextCursor.map { "/v1/audit?limit=2&cursor=\($0)" }
            }
            #expect(details == ["n4", "n3", "n2", "n1", "n0"])
            let all = try await api.get("/v1/audit?limit=5").decoded(AuditPage.self)
            #expect(all.items.count == 5 && all.nextCursor == nil)
            let first = try await api.get("/v1/gaps?limit=3").decoded(GapPage.self)
            #expect(first.items.map(\.session) == ["s4", "s3", "s2"])
            let cursor = try #require(first.nextCursor)
            let rest = try await api.get("/v1/gaps?cursor=\(cursor)").decoded(GapPage.self)
            #expect(rest.items.map(\.session) == ["s1", "s0"] && rest.nextCursor == nil)
            let id = CoordinatorUnderTest.application
            #expect(try await api.get("/v1/gaps?application=\(id)").decoded(GapPage.self).items.count == 5)
            #expect(try await api.get("/v1/gaps?application=1").decoded(GapPage.self).items.isEmpty)
            #expect(try await api.get("/v1/audit?application=\(id)").decoded(AuditPage.self).items.count == 5)
            #expect(try await api.get("/v1/audit?application=110").decoded(AuditPage.self).items.isEmpty)
            #expect(try await api.get("/v1/audit?actor=grace").decoded(AuditPage.self).items.map(\.detail) == ["n3"])
        }
    }

    @Test func `What can't be read is a 400 that says what is expected`() async throws {
        try await self.withLeader { api in
            for (path, expected) in [
                ("/v1/audit?limit=0", "from 1 to 500"), ("/v1/gaps?limit=501", "from 1 to 500"),
                ("/v1/audit?limit=x", "from 1 to 500"), ("/v1/audit?cursor=x", "nextCursor"),
                ("/v1/gaps?cursor=p-1", "nextCursor"), ("/v1/audit?limt=1", "limit, cursor"),
                ("/v1/audit?limit=1&limit=2", "once"), ("/v1/gaps?actor=a", "application"),
                ("/v1/gaps?application=bot", "a whole number"), ("/v1/changes?cursor=1", "cursor"),
                ("/v1/changes?wait=30001", "from 0 to 30000"), ("/v1/changes?wait=-1", "from 0 to 30000"),
                ("/v1/cluster?x=1", "none is expected"), ("/v1/leader?x", "none is expected"),
            ] {
                let answer = try await api.get(path)
                #expect(answer.status == 400 && answer.problem?.code == .badRequest, "\(path)")
                #expect(answer.problem?.detail.contains(expected) == true, "\(path): \(answer.text)")
            }
            for body in ["{}", "{\"name\":\"explode\"}", "[]", "x"] {
                let answer = try await api.call(.POST, "/v1/operations", body)
                #expect(answer.status == 400 && answer.problem?.code == .badRequest, "\(body)")
            }
            let missing = try await api.operate(OperatorRequest(.drain, member: "nobody"))
            #expect(missing.status == 404 && missing.problem?.detail.contains("shard-0") == true)
        }
    }

    // MARK: Changes

    @Test func `Changes come after a cursor, at once or held, and never twice`() async throws {
        try await self.withLeader { api in
            let start = try await api.get("/v1/changes").decoded(ChangePage.self)
            #expect(start.isReset && start.changes.isEmpty)
            let cursor = start.cursor
            async let held = api.get("/v1/changes?cursor=\(cursor)&wait=30000", token: CoordinatorUnderTest.eve)
            #expect(try await api.operate(OperatorRequest(.uncordon, member: "shard-0")).status == 200)
            let page = try await held.decoded(ChangePage.self)
            #expect(!page.isReset && !page.changes.isEmpty)
            var seen = page.changes
            var last = page.cursor
            #expect(try await api.operate(OperatorRequest(.cordon, member: "worker-0")).status == 200)
            try await eventually("the cordon") {
                let next = try await api.get("/v1/changes?cursor=\(last)&wait=1000").decoded(ChangePage.self)
                #expect(!next.isReset)
                seen += next.changes
                last = next.cursor
                return seen.contains { $0.target == "worker-0" }
            }
            #expect(seen.filter { $0.target == "shard-0" }.map(\.detail) == ["alive, incarnation 4"])
            #expect(seen.filter { $0.target == "worker-0" }.map(\.detail) == ["alive, incarnation 1, cordoned"])
            let foreign = try await api.get("/v1/changes?cursor=999-1&wait=30000").decoded(ChangePage.self)
            #expect(foreign.isReset && foreign.changes.isEmpty && foreign.cursor == last)
        }
    }

    @Test func `Held answers end when the coordinator stops`() async throws {
        try await self.withLeader { api in
            var cursor = try await api.get("/v1/changes").decoded(ChangePage.self).cursor
            // Whatever the beginning still brings.
            try await eventually("rest") {
                let page = try await api.get("/v1/changes?cursor=\(cursor)&wait=500").decoded(ChangePage.self)
                cursor = page.cursor
                return page.changes.isEmpty
            }
            let quiet = cursor
            async let held = api.get("/v1/changes?cursor=\(quiet)&wait=30000")
            try await Task.sleep(for: .milliseconds(200))
            try await withDeadline(.seconds(15)) { await api.stop() }
            // Answered, or too late to be taken: never held on.
            #expect([200, 503].contains(try await held.status))
        }
    }
}
