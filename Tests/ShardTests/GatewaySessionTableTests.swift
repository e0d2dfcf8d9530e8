import ClusterAPI
import Discord
import Foundation
import Testing

@testable import Shard

/// Every event in every state, and what comes of it. A state or an event without a row fails.
@Suite("Gateway session, every event in every state")
struct GatewaySessionTableTests {
    typealias Action = GatewaySession.Action

    static let gateway = "wss://gateway.test"
    static let identity = SessionIdentity(id: "abc", resumeURL: "wss://resume.test")
    static let start = ContinuousClock.now

    static func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    // MARK: States

    /// `GatewaySession.State` without its details.
    enum Kind: Character, CaseIterable {
        case idle = "i"
        case backingOff = "b"
        case connecting = "c"
        case waitingForHello = "h"
        case waitingForPermit = "p"
        case waitingForStanding = "w"
        case identifying = "d"
        case resuming = "u"
        case ready = "y"
        case waitingForRoom = "r"
        case released = "s"
        case failed = "f"

        init(_ state: GatewaySession.State) {
            // No default: a new state has to be named here, and then needs a column below.
            switch state {
            case .idle: self = .idle
            case .backingOff: self = .backingOff
            case .connecting: self = .connecting
            case .waitingForHello: self = .waitingForHello
            case .waitingForPermit: self = .waitingForPermit
            case .waitingForStanding: self = .waitingForStanding
            case .identifying: self = .identifying
            case .resuming: self = .resuming
            case .ready: self = .ready
            case .waitingForRoom: self = .waitingForRoom
            case .stopped(nil): self = .released
            case .stopped: self = .failed
            }
        }
    }

    /// A column: a state, where it matters once without and once with a session to resume.
    enum Stage: Int, CaseIterable {
        case idle, idleToResume, connecting, connectingToResume, hello, helloToResume, permit, standing, identifying,
            resuming, ready, backingOff, backingOffToResume, room, released, failed

        private static let toResume: Set<Stage> = [
            .idleToResume, .connectingToResume, .helloToResume, .standing, .resuming, .backingOffToResume,
        ]

        func make() -> GatewaySession {
            var policy = SessionPolicy()
            policy.reconnectSpread = .zero
            var session = GatewaySession(
                gatewayURL: gateway, resuming: Self.toResume.contains(self) ? identity : nil, policy: policy, seed: 1)
            if self == .idle || self == .idleToResume { return session }
            _ = session.start(now: at(0))
            if self == .connecting || self == .connectingToResume { return session }
            if self == .backingOff || self == .backingOffToResume {
                // The first failure of a row is followed by the spread alone.
                _ = session.connectFailed("refused", now: at(0))
                _ = session.connectFailed("refused", now: at(0))
                return session
            }
            _ = session.connected(now: at(0))
            if self == .hello || self == .helloToResume { return session }
            if self == .failed {
                _ = session.closed(code: 4004, reason: "", now: at(0))
                return session
            }
            _ = session.receivedHello(interval: .seconds(40), now: at(0))
            if self == .permit || self == .standing { return session }
            _ = session.standingAnswered(ticket: 1, heldAt: at(0.1), now: at(0.1))
            if self == .resuming { return session }
            _ = session.permitAnswered(ticket: 1, validity: .seconds(1), retryAfter: nil, now: at(0.1))
            if self == .identifying { return session }
            _ = session.receivedReady(identity, now: at(0.2))
            if self == .ready { return session }
            if self == .released {
                _ = session.stop(now: at(0.3))
                return session
            }
            session.readingPaused(now: at(0.3))
            _ = session.timerFired(now: at(46))
            return session
        }
    }

    // MARK: Events

    struct Event: Sendable, CustomTestStringConvertible {
        let name: String
        /// The method of ``GatewaySession`` that it calls.
        let method: String
        let call: @Sendable (inout GatewaySession) -> [Action]

        init(_ name: String, _ method: String, _ call: @escaping @Sendable (inout GatewaySession) -> [Action]) {
            self.name = name
            self.method = method
            self.call = call
        }

        var testDescription: String { self.name }
    }

    static let events: [Event] = [
        .init("start", "start") { $0.start(now: at(1)) },
        .init("connected", "connected") { $0.connected(now: at(1)) },
        .init("connect failed", "connectFailed") { $0.connectFailed("refused", now: at(1)) },
        .init("TCP ended", "closed") { $0.closed(code: nil, reason: "", now: at(1)) },
        .init("close 4000", "closed") { $0.closed(code: 4000, reason: "", now: at(1)) },
        .init("close 4008", "closed") { $0.closed(code: 4008, reason: "", now: at(1)) },
        .init("close 4007", "closed") { $0.closed(code: 4007, reason: "", now: at(1)) },
        .init("close 4014", "closed") { $0.closed(code: 4014, reason: "", now: at(1)) },
        .init("we stop", "stop") { $0.stop(now: at(1)) },
        .init("any message", "receivedMessage") {
            $0.receivedMessage()
            return []
        },
        .init("a new event", "receivedEvent") {
            $0.receivedEvent()
            return []
        },
        .init("op 10", "receivedHello") { $0.receivedHello(interval: .seconds(40), now: at(1)) },
        .init("op 10, no usable interval", "receivedHello") {
            $0.receivedHello(interval: .milliseconds(5), now: at(1))
        },
        .init("op 1", "receivedHeartbeatRequest") { $0.receivedHeartbeatRequest(now: at(1)) },
        .init("op 11", "receivedHeartbeatACK") {
            $0.receivedHeartbeatACK(now: at(1))
            return []
        },
        .init("op 7", "receivedReconnect") { $0.receivedReconnect(now: at(1)) },
        .init("op 9 true", "receivedInvalidSession") { $0.receivedInvalidSession(isResumable: true, now: at(1)) },
        .init("op 9 false", "receivedInvalidSession") { $0.receivedInvalidSession(isResumable: false, now: at(1)) },
        .init("READY", "receivedReady") { $0.receivedReady(identity, now: at(1)) },
        .init("RESUMED", "receivedResumed") { $0.receivedResumed(now: at(1)) },
        .init("silence", "fellSilent") { $0.fellSilent(now: at(1)) },
        .init("nonsense", "receivedNonsense") { $0.receivedNonsense("what", now: at(1)) },
        .init("a permit", "permitAnswered") {
            $0.permitAnswered(ticket: 1, validity: .seconds(5), retryAfter: nil, now: at(1))
        },
        .init("a permit that is over", "permitAnswered") {
            $0.permitAnswered(ticket: 1, validity: .milliseconds(700), retryAfter: nil, now: at(1))
        },
        .init("a permit of another ask", "permitAnswered") {
            $0.permitAnswered(ticket: 0, validity: .seconds(5), retryAfter: nil, now: at(1))
        },
        .init("no permit for seconds", "permitAnswered") {
            $0.permitAnswered(ticket: 1, validity: nil, retryAfter: .seconds(5), now: at(1))
        },
        .init("no permit for minutes", "permitAnswered") {
            $0.permitAnswered(ticket: 1, validity: nil, retryAfter: .seconds(300), now: at(1))
        },
        .init("still ours", "standingAnswered") { $0.standingAnswered(ticket: 1, heldAt: at(0.5), now: at(1)) },
        .init("ours some time ago", "standingAnswered") {
            $0.standingAnswered(ticket: 1, heldAt: at(0.5), now: at(4))
        },
        .init("ours for another ask", "standingAnswered") {
            $0.standingAnswered(ticket: 0, heldAt: at(0.5), now: at(1))
        },
        .init("not known to be ours", "standingAnswered") { $0.standingAnswered(ticket: 1, heldAt: nil, now: at(1)) },
        .init("no room", "readingPaused") {
            $0.readingPaused(now: at(1))
            return []
        },
        .init("no room for too long", "readingPaused") {
            $0.readingPaused(now: at(-60))
            return $0.timerFired(now: at(3))
        },
        .init("room again", "readingResumed") { $0.readingResumed(now: at(50)) },
        .init("probes", "probe") {
            $0.probe(every: .seconds(2), now: at(0.3))
            return $0.timerFired(now: at(0.3))
        },
        .init("the next deadline", "timerFired") { $0.timerFired(now: $0.nextDeadline ?? at(1)) },
        .init("200 s later", "timerFired") { $0.timerFired(now: at(200)) },
    ]

    /// Stages with `>` have a session to resume. An outcome: `.` is nothing at all. Else the actions, then the state
    /// after them (a letter of ``Kind``) behind a slash. Actions: X close with 4000, L session lost, F refused for
    /// good, G connect to the gateway's URL, R connect to the session's own, P ask for a permit, T ask whether the
    /// slot is ours, I IDENTIFY, S RESUME, H heartbeat.
    static let table = """
        event                       idle idle> conn conn> hello hello> permit stand ident resume ready back back> room stop fail
        start                       G/c  R/c   .    .     .     .      .      .     .     .      .     .    .     .    .    .
        connected                   .    .     /h   /h    .     .      .      .     .     .      .     .    .     .    .    .
        connect failed              .    .     G/c  G/c   .     .      .      .     .     .      .     .    .     .    .    .
        TCP ended                   .    .     .    .     G/c   G/c    G/c    R/c   G/c   R/c    R/c   .    .     .    .    .
        close 4000                  .    .     .    .     G/c   G/c    G/c    R/c   G/c   R/c    R/c   .    .     .    .    .
        close 4008                  .    .     .    .     /b    /b     /b     /b    /b    /b     /b    .    .     .    .    .
        close 4007                  .    .     .    .     G/c   LG/c   G/c    R/c   G/c   LG/c   LG/c  .    .     .    .    .
        close 4014                  .    .     .    .     F/f   F/f    F/f    F/f   F/f   F/f    F/f   .    .     .    .    .
        we stop                     /s   /s    /s   /s    X/s   X/s    X/s    X/s   X/s   X/s    X/s   /s   /s    /s   .    .
        any message                 .    .     .    .     .     .      .      .     .     .      .     .    .     .    .    .
        a new event                 .    .     .    .     .     .      .      .     .     .      .     .    .     .    .    .
        op 10                       .    .     .    .     P/p   T/w    XG/c   XR/c  XG/c  XR/c   XR/c  .    .     .    .    .
        op 10, no usable interval   .    .     .    .     XG/c  XG/c   XG/c   XR/c  XG/c  XR/c   XR/c  .    .     .    .    .
        op 1                        .    .     .    .     .     .      H/p    H/w   H/d   H/u    H/y   .    .     .    .    .
        op 11                       .    .     .    .     .     .      .      .     .     .      .     .    .     .    .    .
        op 7                        .    .     .    .     XG/c  XG/c   XG/c   XR/c  XG/c  XR/c   XR/c  .    .     .    .    .
        op 9 true                   .    .     .    .     X/b   X/b    X/b    X/b   X/b   X/b    X/b   .    .     .    .    .
        op 9 false                  .    .     .    .     X/b   XL/b   X/b    X/b   X/b   XL/b   XL/b  .    .     .    .    .
        READY                       .    .     .    .     XG/c  XG/c   XG/c   XR/c  /y    XR/c   XR/c  .    .     .    .    .
        RESUMED                     .    .     .    .     XG/c  XG/c   XG/c   XR/c  XG/c  /y     .     .    .     .    .    .
        silence                     .    .     .    .     .     .      .      .     .     .      XR/c  .    .     .    .    .
        nonsense                    .    .     .    .     XG/c  XG/c   XG/c   XR/c  XG/c  XR/c   XR/c  .    .     .    .    .
        a permit                    .    .     .    .     .     .      I/d    .     .     .      .     .    .     .    .    .
        a permit that is over       .    .     .    .     .     .      .      .     .     .      .     .    .     .    .    .
        a permit of another ask     .    .     .    .     .     .      .      .     .     .      .     .    .     .    .    .
        no permit for seconds       .    .     .    .     .     .      .      .     .     .      .     .    .     .    .    .
        no permit for minutes       .    .     .    .     .     .      X/b    .     .     .      .     .    .     .    .    .
        still ours                  .    .     .    .     .     .      .      S/u   .     .      .     .    .     .    .    .
        ours some time ago          .    .     .    .     .     .      .      .     .     .      .     .    .     .    .    .
        ours for another ask        .    .     .    .     .     .      .      .     .     .      .     .    .     .    .    .
        not known to be ours        .    .     .    .     .     .      .      .     .     .      .     .    .     .    .    .
        no room                     .    .     .    .     .     .      .      .     .     .      .     .    .     .    .    .
        no room for too long        .    .     .    .     X/r   X/r    X/r    X/r   X/r   X/r    X/r   /r   /r    .    .    .
        room again                  .    .     .    .     .     .      .      .     .     .      .     .    .     R/c  .    .
        probes                      .    .     .    .     .     .      .      .     .     .      H/y   .    .     .    .    .
        the next deadline           .    .     .    .     XG/c  XG/c   H/p    H/w   H/d   H/u    H/y   G/c  G/c   .    .    .
        200 s later                 .    .     .    .     XG/c  XG/c   H/p    H/w   XG/c  XR/c   H/y   G/c  G/c   .    .    .
        """

    /// By event, one a stage in their order.
    static let outcomes: [String: [Substring]] = Dictionary(
        uniqueKeysWithValues: table.split(separator: "\n").dropFirst().map { line in
            let name = line.prefix(28)
            return (name.split(separator: " ").joined(separator: " "), line.dropFirst(28).split(separator: " "))
        })

    static func letters(_ actions: [Action]) -> String {
        actions.map { action in
            switch action {
            case .connect(gateway): "G"
            case .connect(identity.resumeURL): "R"
            case .connect(let url): "?\(url)"
            case .requestPermit: "P"
            case .requestStanding: "T"
            case .sendIdentify: "I"
            case .sendResume(identity.id): "S"
            case .sendResume(let id): "?\(id)"
            case .sendHeartbeat: "H"
            case .close(4000): "X"
            case .close(let code): "?\(code)"
            case .sessionLost: "L"
            case .stopped: "F"
            }
        }.joined()
    }

    @Test(arguments: events) func `Each state's answer to an event`(event: Event) throws {
        let outcomes = try #require(Self.outcomes[event.name], "no row")
        try #require(outcomes.count == Stage.allCases.count, "one outcome for each stage")
        for (stage, outcome) in zip(Stage.allCases, outcomes) {
            let before = stage.make()
            var session = before
            let actions = event.call(&session)
            if outcome == "." {
                #expect(actions == [], "\(stage)")
                #expect(Kind(session.state) == Kind(before.state), "\(stage)")
            } else {
                let parts = outcome.split(separator: "/", omittingEmptySubsequences: false)
                #expect(Self.letters(actions) == parts[0], "\(stage)")
                #expect(Kind(session.state).rawValue == parts[1].first, "\(stage)")
            }
            // A session goes only with these words, and comes only with READY.
            let isLost = outcome.contains("L")
            let isNew = event.method == "receivedReady" && outcome == "/y"
            #expect(session.session == (isLost ? nil : isNew ? Self.identity : before.session), "\(stage)")
            if session.state == .connecting || stage.make().state == .idle { continue }
            let waits = [
                Kind.backingOff, .waitingForHello, .waitingForPermit, .waitingForStanding, .identifying, .resuming,
                .ready,
            ]
            if waits.contains(Kind(session.state)) {
                #expect(session.nextDeadline != nil, "\(stage) would wait for ever")
            }
        }
    }

    @Test func `Every state has a column`() {
        #expect(Set(Stage.allCases.map { Kind($0.make().state) }) == Set(Kind.allCases))
    }

    @Test func `Every event has a row`() throws {
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Sources/Shard/Session/GatewaySession.swift")
        let text = try String(contentsOf: source, encoding: .utf8)
        let methods = text.matches(of: /(?m)^ {4}mutating func ([a-zA-Z]+)\(/).map { String($0.output.1) }
        #expect(methods.count > 15, "the source was read")
        #expect(Set(methods) == Set(Self.events.map(\.method)))
        #expect(Set(Self.events.map(\.name)) == Set(Self.outcomes.keys))
    }

    @Test(arguments: Stage.allCases) func `A dispatch is taken only where one can come`(stage: Stage) {
        let session = stage.make()
        #expect(session.accepts(isReady: true) == (stage == .identifying))
        #expect(session.accepts(isReady: false) == (stage == .resuming || stage == .ready))
    }

    // MARK: Close codes

    enum Next { case resume, resumeLater, identify, stop }

    /// All that Discord documents or was seen to use (the official list, 4006, and what proxies send).
    static let closeCodes: [(code: UInt16?, next: Next)] = [
        (nil, .resume), (1000, .resume), (1001, .resume), (1005, .resume), (1006, .resume), (1009, .resume),
        (1011, .resume), (4000, .resume), (4001, .resume), (4002, .resume), (4003, .identify), (4004, .stop),
        (4005, .resume), (4006, .identify), (4007, .identify), (4008, .resumeLater), (4009, .identify), (4010, .stop),
        (4011, .stop), (4012, .stop), (4013, .stop), (4014, .stop), (4321, .resume), (4999, .resume),
    ]

    @Test(arguments: closeCodes) func `A close code with a session`(code: UInt16?, next: Next) throws {
        for stage in [Stage.ready, .resuming] {
            var session = stage.make()
            let actions = session.closed(code: code, reason: "because", now: Self.at(5))
            #expect(session.reason?.hasSuffix(": because") == true)
            switch next {
            case .resume: #expect(Self.letters(actions) == "R" && session.session == Self.identity)
            case .resumeLater:
                #expect(actions == [] && session.session == Self.identity)
                #expect(try #require(session.nextDeadline) >= Self.at(10))
                #expect(Self.letters(session.timerFired(now: try #require(session.nextDeadline))) == "R")
            case .identify: #expect(Self.letters(actions) == "LG" && session.session == nil)
            case .stop:
                #expect(Self.letters(actions) == "F" && session.nextDeadline == nil)
                #expect(session.stopCode?.rawValue == code)
                #expect(session.start(now: Self.at(9)) == [] && session.status == .failed)
            }
        }
    }

    @Test(arguments: closeCodes) func `A close code without a session`(code: UInt16?, next: Next) throws {
        for stage in [Stage.hello, .permit, .identifying] {
            var session = stage.make()
            let actions = session.closed(code: code, reason: "", now: Self.at(5))
            switch next {
            case .resume, .identify: #expect(Self.letters(actions) == "G")
            case .resumeLater: #expect(actions == [] && Kind(session.state) == .backingOff)
            case .stop: #expect(Self.letters(actions) == "F" && session.status == .failed)
            }
            #expect(session.session == nil)
        }
    }
}
