import ClusterAPI
import Discord
import Foundation
import Testing

@testable import OperatorConsole

@Suite("Pages")
struct PagesTests {
    private let plain = Paint(isOn: false)

    // MARK: Status

    @Test func `A fleet in good order has nothing to be looked at`() {
        let view = Fixture.cluster(
            (0..<4).map { Fixture.view($0, on: "a", guilds: 500, rate: 1.5) },
            members: [Fixture.member("a"), Fixture.member("w", .worker)],
            lanes: [.init(lane: 0, primary: "w", standby: nil)],
            identify: .init(
                total: 1000, remaining: 990, free: 900, maxConcurrency: 1,
                resetsAt: Fixture.start.addingTimeInterval(7200), pausedUntil: nil, haltedBy: nil))
        #expect(StatusPage.notices(view) == [])
        let text = StatusPage.lines(view, width: nil, paint: self.plain).joined(separator: "\n")
        for part in [
            "coordinator-a", "4 of 4 ready", "2,000", "6.0 a second", "1 of 1 are read", "990 of 1,000", "in 2 h",
        ] {
            #expect(text.contains(part), "\(part) in\n\(text)")
        }
    }

    @Test func `What is wrong is told, the worst first`() {
        let view = Fixture.cluster(
            [
                Fixture.view(0, on: "a", .failed, reason: "4004 Authentication failed"),
                Fixture.view(1, on: nil, .released),
                Fixture.view(2, on: "a"), Fixture.view(3, on: "a"),
            ],
            members: [Fixture.member("a", mark: "cordoned"), Fixture.member("b", state: "lost")],
            lanes: [.init(lane: 0, primary: nil, standby: nil)],
            identify: .init(
                total: 1000, remaining: 0, free: 0, maxConcurrency: 1, resetsAt: nil, pausedUntil: nil,
                haltedBy: "shard 0: 4004"),
            advice: ["Discord recommends 8 shards"])
        let notices = StatusPage.notices(view)
        let texts = notices.map(\.text)
        #expect(texts.first?.contains("IDENTIFYs are stopped, shard 0: 4004") == true)
        for part in [
            "1 slot failed", "1 slot is not ready", "1 lane is read by no worker", "b is lost", "a is cordoned",
            "recommends 8",
        ] {
            #expect(texts.contains { $0.contains(part) }, "\(part) in \(texts)")
        }
        let bad = notices.count { $0.style == .bad }
        #expect(bad == 4 && notices.prefix(bad).allSatisfy { $0.style == .bad }, "\(notices)")
    }

    @Test func `A standby's answer claims no statuses`() {
        let view = Fixture.cluster([Fixture.view(0, on: "a", .starting)], standby: "coordinator-b")
        let text = StatusPage.lines(view, width: nil, paint: self.plain).joined(separator: "\n")
        #expect(text.contains("coordinator-b, a standby") && !text.contains("ready\n"))
        #expect(StatusPage.notices(view) == [])
    }

    @Test func `Gaps of the last day are told`() {
        func gap(_ hours: Double) -> ClusterView.Gap {
            let at = Fixture.start.addingTimeInterval(-3600 * hours)
            return .init(
                slot: Fixture.slot(0),
                gap: SessionGap(
                    session: "s", after: 1, reason: "invalid_session", numShards: 4,
                    atMilliseconds: Int64(at.timeIntervalSince1970 * 1000)), member: "a")
        }
        #expect(StatusPage.notices(Fixture.cluster(gaps: [gap(30)])) == [])
        let notices = StatusPage.notices(Fixture.cluster(gaps: [gap(30), gap(3), gap(2)]))
        #expect(notices.first?.text.contains("2 gaps in 24 h, the last 2 h ago") == true)
    }

    @Test func `Nothing that the cluster tells reaches the terminal as an escape`() throws {
        let evil = "\u{1B}]0;x\u{7}\n\u{9B}2J"
        let slot = Fixture.view(0, on: evil, .failed, reason: evil)
        let view = ClusterView(
            leader: evil, generatedAt: Fixture.start,
            applications: [
                .init(
                    id: 1, name: evil, generation: 1, numShards: 1,
                    identify: .init(
                        total: 1, remaining: 1, free: 1, maxConcurrency: 1, resetsAt: nil, pausedUntil: nil,
                        haltedBy: evil),
                    reshard: .init(
                        from: 1, fromShards: 1, to: 2, toShards: 2, phase: evil, ready: 0, joinedLanes: 0, leftLanes: 0,
                        startedAt: Fixture.start, requestedBy: evil, reason: evil), advice: [evil])
            ],
            members: [Fixture.member(evil, state: evil, mark: evil)], slots: [slot],
            lanes: [.init(lane: 0, primary: evil, standby: evil)],
            gaps: [
                .init(
                    slot: Fixture.slot(0),
                    gap: SessionGap(
                        session: evil, after: 1, reason: evil, numShards: 1, atMilliseconds: 1_800_000_000_000),
                    member: evil)
            ],
            restart: .init(requestedBy: evil, startedAt: Fixture.start, current: evil, waiting: [], done: 0),
            standby: nil)
        let now = Fixture.start
        let plan = PlanPreview(
            moves: [.init(slot: Fixture.slot(0), from: evil, to: evil)],
            members: [.init(member: evil, before: 1, after: 0)], resumes: 1, identifies: 0, sessionStartsLeft: 1,
            notes: [evil])
        let reshard = ReshardPreview(
            application: 1, fromShards: 1, toShards: 2, identifies: 2, sessionStartsLeft: nil, seconds: 5,
            guildsPerShard: nil, problems: [evil])
        let change = ClusterChange(at: now, kind: .member, target: evil, detail: evil)
        var lines = StatusPage.lines(view, width: 200, paint: self.plain)
        lines += TopScreen(order: .events).lines(view, width: 200, height: 50, paint: self.plain, notice: evil)
        for table in [
            Listings.members(view.members, now: now, isWide: true), Listings.slots(view.slots, now: now, isWide: true),
            Listings.lanes(view.lanes), Listings.budget(view.applications, now: now),
            Listings.gaps(view.gaps ?? [], now: now, isWide: true),
            Listings.audit(
                [.init(at: now, actor: evil, action: evil, target: evil, detail: evil)], now: now, isWide: true),
        ] { lines += table.lines(width: nil, paint: self.plain) }
        for location in GuildLocation.all(of: 1, in: view) {
            lines += GuildPage.lines(location, now: now, paint: self.plain)
        }
        lines += PlanPage.lines(plan, width: nil, paint: self.plain, isWide: true)
        lines += PlanPage.lines(reshard, paint: self.plain)
        lines.append(ChangeLine.text(change, paint: self.plain))
        lines.append(ConsoleError(.refused, evil).message)
        for line in lines {
            #expect(
                !line.unicodeScalars.contains { $0.properties.generalCategory == .control }, "\(line.debugDescription)")
        }
    }

    // MARK: Listings

    @Test func `A shard's number is enough while there is one generation`() {
        let one = Listings.slots([Fixture.view(3, on: "a")], now: Fixture.start, isWide: false)
        #expect(one.lines(width: nil, paint: self.plain)[0].contains("SHARD"))
        let two = Listings.slots(
            [Fixture.view(3, on: "a"), Fixture.view(3, on: "a", generation: 2)], now: Fixture.start, isWide: false)
        #expect(two.lines(width: nil, paint: self.plain)[2].hasPrefix("1100000000000000001.2.3"))
    }

    @Test func `A slot that nobody runs says so in words`() {
        let lines = Listings.slots([Fixture.view(0, on: nil, .released)], now: Fixture.start, isWide: false)
            .lines(width: nil, paint: self.plain)
        #expect(lines[1].contains("nobody runs it"))
    }

    // MARK: Plans

    @Test func `A long plan is cut, its cost is not`() {
        let moves = (0..<100).map { PlanPreview.Move(slot: Fixture.slot($0), from: "a", to: $0 == 0 ? nil : "b") }
        let plan = PlanPreview(
            moves: moves,
            members: [.init(member: "a", before: 100, after: 0), .init(member: "c", before: 1, after: 1)],
            resumes: 98, identifies: 1, sessionStartsLeft: 936, notes: ["look out"])
        let short = PlanPage.lines(plan, width: nil, paint: self.plain, isWide: false)
        #expect(short.contains { $0.contains("and 70 more") } && short.contains("! look out"))
        #expect(
            short.contains("cost: 100 moves, 98 RESUMEs, 1 IDENTIFY (session starts: 936 left to use)"), "\(short)")
        #expect(short.contains { $0.contains("nobody has room") } && !short.contains { $0.hasPrefix("c ") })
        #expect(PlanPage.lines(plan, width: nil, paint: self.plain, isWide: true).count > 100)
    }

    // MARK: Top

    private var busy: ClusterView {
        Fixture.cluster(
            [
                Fixture.view(0, on: "a", guilds: 5, rate: 1, latency: 80), Fixture.view(1, on: "a", guilds: 9, rate: 3),
                Fixture.view(2, on: "b", guilds: 1, rate: 2, latency: 20), Fixture.view(3, on: "b", guilds: 1, rate: 2),
            ], members: (0..<40).map { Fixture.member("shard-\($0)") })
    }

    @Test(arguments: [
        (TopScreen.Order.events, [1, 2, 3, 0]), (.latency, [0, 2, 1, 3]), (.guilds, [1, 0, 2, 3]),
    ])
    func `Top has the largest first, and equal ones in their order`(order: TopScreen.Order, shards: [Int]) {
        #expect(TopScreen(order: order).sorted(self.busy.slots).map(\.shard) == shards)
    }

    @Test(arguments: [(1, 1), (20, 5), (40, 10), (80, 24), (200, 60)])
    func `Top fits the screen`(width: Int, height: Int) {
        var screen = TopScreen(order: .events)
        for _ in 0..<100 { screen.note(self.busy) }
        let lines = screen.lines(self.busy, width: width, height: height, paint: self.plain)
        #expect(lines.count <= height)
        for line in lines { #expect(line.displayWidth <= width, "\(line)") }
    }

    @Test func `Printed once it has every slot`() {
        let lines = TopScreen(order: .events).lines(self.busy, width: nil, height: nil, paint: self.plain)
        #expect(lines.count { $0.hasPrefix("1100000000000000001.1.") } == 4)
    }

    @Test func `The trend is relative to the most there was`() {
        #expect(TopScreen.trend([0, 1, 2]) == "▁▄█" && TopScreen.trend([0, 0]) == "" && TopScreen.trend([]) == "")
    }
}
