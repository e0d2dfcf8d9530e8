import ClusterAPI
import Discord
import Foundation
import Synchronization
import Testing

@testable import LocalStack

@Suite("The terminal view")
struct ViewTests {
    private final class Screen: Sendable {
        let text = Mutex("")
        func terminal(isInteractive: Bool, usesColor: Bool) -> Terminal {
            Terminal(isInteractive: isInteractive, usesColor: usesColor) { text in self.text.withLock { $0 += text } }
        }
    }

    private let child = ChildSpecification(
        name: "worker-0", title: "worker 0", executable: "/bin/true", arguments: [], environment: [:], readiness: .task)

    @Test func `Without a terminal there are whole lines and no escape sequences`() {
        let screen = Screen()
        let view = StackView(screen.terminal(isInteractive: false, usesColor: false))
        view.childIsStarting(self.child)
        view.childIsReady(self.child, after: .milliseconds(4120))
        view.childDied(self.child, .signaled(9), lastLines: ["out of luck"], restart: .milliseconds(500))
        let text = screen.text.withLock { $0 }
        #expect(!text.contains("\u{1B}") && !text.contains("\r") && text.hasSuffix("\n"))
        #expect(text.contains("starting worker 0") && text.contains("4.1 s"))
        #expect(text.contains("worker 0 died: killed (signal 9); next start in 0.5 s"))
        #expect(text.contains("out of luck"))
    }

    @Test func `A line that stays is written above the one that is rewritten`() {
        let screen = Screen()
        let terminal = screen.terminal(isInteractive: true, usesColor: false)
        terminal.live("status 1")
        terminal.line("worker died")
        terminal.live("status 2")
        #expect(
            screen.text.withLock { $0 }
                == "\r\u{1B}[Kstatus 1\r\u{1B}[Kworker died\nstatus 1\r\u{1B}[Kstatus 2")
    }

    @Test func `Colour is used only where it is wanted`() {
        #expect(Screen().terminal(isInteractive: true, usesColor: false).colored("x", .red) == "x")
        #expect(Screen().terminal(isInteractive: true, usesColor: true).colored("x", .red) == "\u{1B}[31mx\u{1B}[0m")
    }

    @Test func `Times are short`() {
        #expect(StatusText.seconds(.milliseconds(4149)) == "4.1 s")
        #expect(StatusText.clock(.seconds(62)) == "01:02")
        #expect(StatusText.clock(.seconds(3723)) == "1:02:03")
    }

    @Test func `The status line counts what is alive and ready`() {
        let now = Date(timeIntervalSince1970: 0)
        func member(_ id: String, _ kind: MemberKind, _ state: String) -> ClusterView.Member {
            .init(
                id: id, kind: kind, incarnation: 1, zone: "local", version: "1", state: state, capacity: 4, slots: 1,
                lanes: 0, eventsPerSecond: 0, startedAt: now, leaseExpiresAt: now)
        }
        func slot(_ shard: Int, _ status: SlotStatus, _ events: Double) -> ClusterView.SlotView {
            .init(
                slot: Slot(application: Snowflake(rawValue: 1), generation: 1, shard: shard), numShards: 2, epoch: 1,
                member: "shard-0", status: status, watermark: nil, guilds: 3, eventsPerSecond: events, latencyMs: nil,
                reason: nil, updatedAt: now)
        }
        let view = ClusterView(
            leader: "coordinator", generatedAt: now, applications: [],
            members: [
                member("shard-0", .shard, "alive"), member("shard-1", .shard, "lost"),
                member("worker-0", .worker, "alive"),
            ],
            slots: [slot(0, .ready, 1.25), slot(1, .identifying, 0.5)], lanes: [])
        #expect(
            StatusText.line(view, elapsed: .seconds(5))
                == "[00:05] shard processes 1 · workers 1 · slots ready 1/2 · guilds 6 · events/s 1.8")
        #expect(StatusText.line(nil, elapsed: .seconds(5)).contains("doesn't answer"))
    }
}
