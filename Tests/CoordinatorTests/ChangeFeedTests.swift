import ClusterAPI
import CoordinatorCore
import Discord
import Foundation
import TestSupport
import Testing

@testable import Coordinator

@Suite("Feed of changes", .timeLimit(.minutes(1)))
struct ChangeFeedTests {
    private let date = Date(timeIntervalSince1970: 1_700_000_000)
    private let application = Snowflake(rawValue: 1_100_000_000_000_000_001)

    // MARK: What is different

    private func slot(
        _ shard: Int, owner: String? = nil, _ status: SlotStatus? = nil, reason: String? = nil
    )
        -> ClusterState.SlotState
    {
        let slot = Slot(application: self.application, generation: 1, shard: shard)
        var state = ClusterState.SlotState(slot: slot, numShards: 2)
        state.owner = owner.map { .init(member: $0, incarnation: 1) }
        if let status { state.observed = ObservedSlot(slot: slot, epoch: 1, status: status, reason: reason) }
        return state
    }

    private func state(
        slots: [ClusterState.SlotState] = [], lane: ClusterState.LaneState = .init(), members: [String] = ["a"],
        marks: [String: ClusterState.Mark] = [:], gaps: [Int] = [], numShards: Int = 2
    ) -> ClusterState {
        var loaded = LoadedState()
        loaded.applications = [
            .init(
                id: self.application, name: "bot", generation: 1, numShards: numShards, intents: 0,
                gatewayURL: "wss://g")
        ]
        loaded.members = members.map {
            .init(
                registration: MemberRegistration(id: $0, kind: .shard, capacity: 1, zone: "z", version: "v"),
                incarnation: 1, startedAt: self.date, leaseEnds: .zero)
        }
        loaded.slots = slots
        loaded.marks = marks
        loaded.lanes = [0: lane]
        loaded.gaps = gaps.map {
            .init(
                slot: Slot(application: self.application, generation: 1, shard: 0),
                gap: SessionGap(
                    session: "s\($0)", after: Int64($0), reason: "invalid_session", numShards: 2, atMilliseconds: 0),
                member: "a")
        }
        return ClusterState(policy: ClusterPolicy(), firstVersion: 0, loaded: loaded, now: .zero)
    }

    private func texts(_ changes: [ClusterChange]) -> [String] {
        changes.map { "\($0.kind.rawValue) \($0.target): \($0.detail)" }
    }

    /// As if both slots had news.
    private func look(
        _ differ: inout ClusterDiffer, at state: ClusterState, stops: [Snowflake: String] = [:]
    ) -> [String] {
        let slots = [0, 1].map { Slot(application: self.application, generation: 1, shard: $0) }
        return self.texts(differ.changes(to: state, slots: Set(slots), stops: stops, date: self.date))
    }

    @Test func `The first look tells nothing, and the same state again neither`() {
        var differ = ClusterDiffer()
        let state = self.state(slots: [self.slot(0, owner: "a", .ready)], gaps: [1])
        #expect(self.look(&differ, at: state).isEmpty)
        #expect(self.look(&differ, at: state).isEmpty)
    }

    @Test func `Each thing that is different is told once, with what it is now`() {
        var differ = ClusterDiffer()
        let name = "\(self.application)"
        _ = self.look(&differ, at: self.state(slots: [self.slot(0, owner: "a", .connecting), self.slot(1)]))
        let next = self.state(
            slots: [self.slot(0, owner: "a", .ready), self.slot(1, owner: "b", .failed, reason: "no token")],
            lane: .init(primary: "w", standby: "x"), members: ["b"], marks: ["b": .cordoned], gaps: [7], numShards: 4)
        let changes = self.look(&differ, at: next, stops: [self.application: "a wrong token"])
        #expect(
            changes == [
                "application \(name): generation 1 with 4 shards; IDENTIFYs stand still: a wrong token",
                "member a: gone", "member b: alive, incarnation 1, cordoned", "lane 0: w, standby x",
                "slot \(name).1.0: ready on a", "slot \(name).1.1: failed on b: no token",
                "gap \(name).1.0: events after 7 may be missing: invalid_session",
            ])
        let last = self.state(
            slots: [self.slot(0)], lane: .init(standby: "x"), members: [], gaps: [7, 8, 9], numShards: 4)
        #expect(
            self.look(&differ, at: last) == [
                "application \(name): generation 1 with 4 shards", "member b: gone", "lane 0: nobody, standby x",
                "slot \(name).1.0: nobody runs it", "slot \(name).1.1: no longer run",
                "gap \(name).1.0: events after 8 may be missing: invalid_session",
                "gap \(name).1.0: events after 9 may be missing: invalid_session",
            ])
        #expect(self.look(&differ, at: last).isEmpty)
    }

    @Test func `A waiting slot whose reason alone is another is no change`() {
        var differ = ClusterDiffer()
        _ = self.look(&differ, at: self.state(slots: [self.slot(0, owner: "a", .waitingForPermit, reason: "x")]))
        let state = self.state(slots: [self.slot(0, owner: "a", .waitingForPermit, reason: "y")])
        #expect(self.look(&differ, at: state).isEmpty)
    }

    @Test func `A slot without news is not looked at`() {
        var differ = ClusterDiffer()
        _ = self.look(&differ, at: self.state(slots: [self.slot(0, owner: "a", .ready)]))
        let state = self.state(slots: [self.slot(0, owner: "b", .ready)])
        #expect(differ.changes(to: state, slots: [], date: self.date).isEmpty)
        #expect(self.look(&differ, at: state) == ["slot \(self.application).1.0: ready on b"])
    }

    // MARK: Cursors

    private func changes(_ numbers: ClosedRange<Int>) -> [ClusterChange] {
        numbers.map { ClusterChange(at: self.date, kind: .member, target: "\($0)", detail: "d") }
    }

    @Test func `A cursor gets what came after it; none, an old one and another leader's get a reset`() throws {
        var log = ChangeLog(leaderEpoch: 7)
        #expect(log.page(after: nil) == ChangePage(changes: [], cursor: "7-0", isReset: true))
        log.append(self.changes(1...3))
        let page = log.page(after: try .init("7-1"))
        #expect(page == ChangePage(changes: self.changes(2...3), cursor: "7-3", isReset: false))
        #expect(log.page(after: try .init("7-3")) == ChangePage(changes: [], cursor: "7-3", isReset: false))
        for foreign in ["6-3", "8-1", "7-4"] {
            #expect(log.page(after: try .init(foreign)) == ChangePage(changes: [], cursor: "7-3", isReset: true))
        }
        log.append(self.changes(4...1_002))
        #expect(log.page(after: try .init("7-1")).isReset)
        #expect(log.page(after: try .init("7-2")).changes.count == ChangeLog.mostKept)
        log.append(self.changes(1...5_000))
        #expect(log.page(after: try .init("7-5002")).changes.map(\.target) == (4_001...5_000).map { "\($0)" })
    }

    @Test(arguments: ["", "7", "7-", "-1-2", "a-b", "7-1-1", "7-99999999999999999999", "7- 1"])
    func `What is no cursor is refused`(text: String) {
        #expect(throws: Problem.self) { try ChangeLog.Cursor(text) }
    }

    // MARK: Held answers

    @Test func `An answer is held until something changes, or its time is over`() async throws {
        let feed = ChangeFeed(leaderEpoch: 1)
        let start = try ChangeLog.Cursor("1-0")
        let none = try await feed.page(after: start, wait: .milliseconds(20))
        #expect(none == ChangePage(changes: [], cursor: "1-0", isReset: false))
        async let held = feed.page(after: start, wait: .seconds(30))
        try await eventually("the request") { feed.held == 1 }
        feed.append([])
        #expect(feed.held == 1)
        feed.append(self.changes(1...2))
        #expect(try await held.changes == self.changes(1...2))
        #expect(feed.held == 0)
        #expect(try await feed.page(after: start, wait: .seconds(30)).changes.count == 2)
        #expect(try await feed.page(after: nil, wait: .seconds(30)).isReset)
    }

    @Test func `Its end answers everybody, and those who come later are told to ask elsewhere`() async throws {
        let feed = ChangeFeed(leaderEpoch: 1)
        let start = try ChangeLog.Cursor("1-0")
        async let held = feed.page(after: start, wait: .seconds(30))
        try await eventually("the request") { feed.held == 1 }
        feed.close()
        #expect(try await held == ChangePage(changes: [], cursor: "1-0", isReset: false))
        await #expect(throws: Problem.self) { try await feed.page(after: start, wait: .zero) }
    }

    @Test func `More requests than may be held are refused, and a cancelled one makes room`() async throws {
        let feed = ChangeFeed(leaderEpoch: 1)
        let start = try ChangeLog.Cursor("1-0")
        await withDiscardingTaskGroup { group in
            for _ in 0..<ChangeFeed.mostHeld {
                group.addTask { _ = try? await feed.page(after: start, wait: .seconds(30)) }
            }
            do {
                try await eventually("all of them") { feed.held == ChangeFeed.mostHeld }
                let problem = await #expect(throws: Problem.self) {
                    try await feed.page(after: start, wait: .seconds(30))
                }
                #expect(problem?.status == 503)
                #expect(try await feed.page(after: start, wait: .zero).changes.isEmpty, "nothing to hold")
            } catch {
                Issue.record(error)
            }
            group.cancelAll()
        }
        #expect(feed.held == 0)
    }
}
