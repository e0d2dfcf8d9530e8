import ClusterAPI
import Discord
import Testing

@testable import Shard

@Suite("Gateway session")
struct GatewaySessionTests {
    typealias Action = GatewaySession.Action

    static let gateway = "wss://gateway.test"
    static let identity = SessionIdentity(id: "abc", resumeURL: "wss://resume.test")
    static let start = ContinuousClock.now

    static var policy: SessionPolicy {
        var policy = SessionPolicy()
        policy.reconnectSpread = .zero
        return policy
    }

    static func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    static func fresh(_ session: SessionIdentity? = nil, seed: UInt64 = 1) -> GatewaySession {
        GatewaySession(gatewayURL: gateway, resuming: session, policy: policy, seed: seed)
    }

    /// A session in each state that it can be in.
    enum Stage: CaseIterable {
        case idle, connecting, waitingForHello, waitingForPermit, waitingForStanding, identifying, resuming, ready,
            backingOff, waitingForRoom, stopped

        func make() -> GatewaySession {
            var session = fresh(self == .resuming || self == .waitingForStanding ? identity : nil)
            if self == .idle { return session }
            _ = session.start(now: at(0))
            if self == .connecting { return session }
            if self == .backingOff {
                _ = session.connectFailed("refused", now: at(0))
                _ = session.timerFired(now: at(0))
                _ = session.connectFailed("refused", now: at(0))
                return session
            }
            _ = session.connected(now: at(0))
            if self == .waitingForHello { return session }
            if self == .stopped {
                _ = session.closed(code: 4004, reason: "", now: at(0))
                return session
            }
            _ = session.receivedHello(interval: .seconds(40), now: at(0))
            if self == .waitingForPermit || self == .waitingForStanding { return session }
            _ = session.standingAnswered(ticket: 1, heldAt: at(0.1), now: at(0.1))
            if self == .resuming { return session }
            _ = session.permitAnswered(ticket: 1, validity: .seconds(1), retryAfter: nil, now: at(0.1))
            if self == .identifying { return session }
            _ = session.receivedReady(identity, now: at(1))
            if self == .ready { return session }
            session.readingPaused(now: at(2))
            _ = session.timerFired(now: at(47))
            return session
        }

        var hasConnection: Bool {
            switch self {
            case .waitingForHello, .waitingForPermit, .waitingForStanding, .identifying, .resuming, .ready: true
            case .idle, .connecting, .backingOff, .waitingForRoom, .stopped: false
            }
        }
    }

    @Test func `A new session says Hello, asks for a permit and identifies`() {
        var session = Self.fresh()
        #expect(session.start(now: Self.at(0)) == [.connect(url: Self.gateway)])
        #expect(session.connected(now: Self.at(0)) == [])
        #expect(session.receivedHello(interval: .seconds(40), now: Self.at(0)) == [.requestPermit(ticket: 1)])
        #expect(session.status == .waitingForPermit)
        #expect(
            session.permitAnswered(ticket: 1, validity: .milliseconds(700), retryAfter: nil, now: Self.at(0.5)) == [
                .sendIdentify
            ])
        #expect(session.accepts(isReady: true) && !session.accepts(isReady: false))
        #expect(session.receivedReady(Self.identity, now: Self.at(1)) == [])
        #expect(session.status == .ready)
        #expect(session.session == Self.identity)
        #expect(!session.accepts(isReady: true) && session.accepts(isReady: false))
    }

    @Test func `A known session is resumed at its own URL, without a permit`() {
        var session = Self.fresh(Self.identity)
        #expect(session.start(now: Self.at(0)) == [.connect(url: "wss://resume.test")])
        _ = session.connected(now: Self.at(0))
        #expect(session.receivedHello(interval: .seconds(40), now: Self.at(0)) == [.requestStanding(ticket: 1)])
        #expect(session.status == .connecting && !session.accepts(isReady: false))
        #expect(
            session.standingAnswered(ticket: 1, heldAt: Self.at(0.5), now: Self.at(0.5)) == [
                .sendResume(sessionID: "abc")
            ])
        #expect(session.accepts(isReady: false))
        #expect(session.receivedResumed(now: Self.at(1)) == [])
        #expect(session.status == .ready)
    }

    @Test(arguments: [.milliseconds(999), .milliseconds(500), .seconds(3_601)] as [Duration])
    func `A heartbeat interval that can't be kept ends the connection, and says why`(interval: Duration) {
        var session = Stage.waitingForHello.make()
        #expect(session.receivedHello(interval: interval, now: Self.at(1)).first == .close(code: 4000))
        let expected = "\(Duration.seconds(1)) to \(Duration.seconds(3_600))"
        #expect(session.reason == "Hello asks for a heartbeat each \(interval), expected \(expected)")
        #expect(session.nextDeadline.map { $0 < Self.at(60) } ?? true)
    }

    @Test(arguments: [.seconds(1), .milliseconds(1_700), .milliseconds(41_250)] as [Duration])
    func `Every beat finds room, with a probe and with as many commands as there is room for`(interval: Duration) throws
    {
        var session = Self.fresh(Self.identity)
        var budget = SendBudget()
        _ = session.start(now: Self.at(0))
        _ = session.connected(now: Self.at(0))
        _ = session.receivedHello(interval: interval, now: Self.at(0))
        #expect(
            session.standingAnswered(ticket: 1, heldAt: Self.at(0), now: Self.at(0)) == [.sendResume(sessionID: "abc")])
        _ = session.receivedResumed(now: Self.at(0))
        session.probe(every: .seconds(2), now: Self.at(0))
        budget.keepRoom(for: session.heartbeats(in: SendBudget.window))
        var withheld = 0
        var others = 0
        while let due = session.nextDeadline, due < Self.at(300) {
            while budget.take(.other, now: due) == nil { others += 1 }
            for action in session.timerFired(now: due) {
                #expect(action == .sendHeartbeat)
                if budget.take(.heartbeat, now: due) != nil { withheld += 1 }
            }
            session.receivedHeartbeatACK(now: due)
        }
        #expect(withheld == 0 && others >= 5 * SendBudget.leastOthers)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `The first beat comes within the interval, at random`(seed: UInt64) throws {
        var session = Self.fresh(Self.identity, seed: seed)
        _ = session.start(now: Self.at(0))
        _ = session.connected(now: Self.at(0))
        _ = session.receivedHello(interval: .seconds(40), now: Self.at(0))
        let first = try #require(session.nextDeadline)
        #expect(first >= Self.at(0) && first < Self.at(40))
        #expect(session.timerFired(now: first) == [.sendHeartbeat])
        session.receivedMessage()
        session.receivedHeartbeatACK(now: first + .milliseconds(30))
        #expect(session.latency == .milliseconds(30))
        #expect(session.nextDeadline == first + .seconds(40))
    }

    @Test func `Two timer beats without an ACK or any message are a zombie`() throws {
        var session = Stage.ready.make()
        let first = try #require(session.nextDeadline)
        #expect(session.timerFired(now: first) == [.sendHeartbeat])
        let second = try #require(session.nextDeadline)
        #expect(session.timerFired(now: second) == [.close(code: 4000), .connect(url: "wss://resume.test")])
        #expect(session.session == Self.identity)
    }

    @Test func `A beat on request neither resets the timer nor makes a zombie`() throws {
        var session = Stage.ready.make()
        let first = try #require(session.nextDeadline)
        #expect(session.timerFired(now: first) == [.sendHeartbeat])
        session.receivedMessage()
        session.receivedHeartbeatACK(now: first + .seconds(1))
        let second = try #require(session.nextDeadline)
        #expect(session.receivedHeartbeatRequest(now: first + .seconds(2)) == [.sendHeartbeat])
        #expect(session.nextDeadline == second)
        #expect(session.timerFired(now: second) == [.sendHeartbeat])
    }

    @Test func `Behind a flood a few ACKs may be late`() throws {
        var session = Stage.ready.make()
        var beats = 0
        for _ in 0..<10 {
            let due = try #require(session.nextDeadline)
            let actions = session.timerFired(now: due)
            guard actions == [.sendHeartbeat] else {
                #expect(actions.first == .close(code: 4000))
                break
            }
            beats += 1
            session.receivedMessage()
        }
        #expect(beats == 3)
    }

    @Test func `An unread socket is no zombie, and is closed after its time`() throws {
        var session = Stage.ready.make()
        let first = try #require(session.nextDeadline)
        _ = session.timerFired(now: first)
        session.readingPaused(now: first + .seconds(39))
        #expect(session.timerFired(now: first + .seconds(40)) == [.sendHeartbeat])
        #expect(session.timerFired(now: first + .seconds(80)) == [.sendHeartbeat])
        #expect(session.timerFired(now: first + .seconds(84)) == [.close(code: 4000)])
        #expect(session.nextDeadline == nil)
        #expect(session.readingResumed(now: first + .seconds(200)) == [.connect(url: "wss://resume.test")])
    }

    @Test func `A permit that comes too late is asked for again`() throws {
        var session = Stage.waitingForPermit.make()
        #expect(
            session.permitAnswered(ticket: 1, validity: .milliseconds(700), retryAfter: nil, now: Self.at(0.8)) == [])
        #expect(session.status == .waitingForPermit)
        let retry = try #require(session.nextDeadline)
        #expect(session.timerFired(now: max(retry, Self.at(2))).contains(.requestPermit(ticket: 2)))
        #expect(session.permitAnswered(ticket: 1, validity: .seconds(9), retryAfter: nil, now: Self.at(2)) == [])
        #expect(
            session.permitAnswered(ticket: 2, validity: .seconds(9), retryAfter: nil, now: Self.at(3)) == [
                .sendIdentify
            ])
    }

    @Test func `A long wait for a permit is not spent on an open socket`() throws {
        var session = Stage.waitingForPermit.make()
        #expect(
            session.permitAnswered(ticket: 1, validity: nil, retryAfter: .seconds(60), now: Self.at(0)) == [
                .close(code: 4000)
            ])
        let retry = try #require(session.nextDeadline)
        #expect(retry >= Self.at(58) && retry <= Self.at(64))
        #expect(session.timerFired(now: retry) == [.connect(url: Self.gateway)])
    }

    @Test func `Op 7 resumes at once`() {
        var session = Stage.ready.make()
        #expect(session.receivedReconnect(now: Self.at(5)) == [.close(code: 4000), .connect(url: "wss://resume.test")])
    }

    @Test func `Op 9 false loses the session and identifies after 1 to 5 s`() throws {
        var session = Stage.resuming.make()
        #expect(
            session.receivedInvalidSession(isResumable: false, now: Self.at(5))
                == [.close(code: 4000), .sessionLost(.invalidSession)])
        #expect(session.session == nil)
        let retry = try #require(session.nextDeadline)
        #expect(retry >= Self.at(6) && retry <= Self.at(10))
        #expect(session.timerFired(now: retry) == [.connect(url: Self.gateway)])
    }

    @Test func `Op 9 true keeps the session`() throws {
        var session = Stage.ready.make()
        #expect(session.receivedInvalidSession(isResumable: true, now: Self.at(5)) == [.close(code: 4000)])
        #expect(session.session == Self.identity)
        let retry = try #require(session.nextDeadline)
        #expect(session.timerFired(now: retry) == [.connect(url: "wss://resume.test")])
    }

    @Test func `A storm of op 7 is no tight loop, and a sound connection's end is followed at once`() throws {
        var session = Stage.ready.make()
        var now = Self.at(100)
        #expect(session.receivedReconnect(now: now).last == .connect(url: "wss://resume.test"))
        var waits: [Duration] = []
        for ticket in 2..<10 {
            _ = session.connected(now: now)
            _ = session.receivedHello(interval: .seconds(40), now: now)
            _ = session.standingAnswered(ticket: ticket, heldAt: now, now: now)
            _ = session.receivedResumed(now: now)
            #expect(session.receivedReconnect(now: now) == [.close(code: 4000)])
            let retry = try #require(session.nextDeadline)
            waits.append(retry - now)
            now = retry
            #expect(session.timerFired(now: now) == [.connect(url: "wss://resume.test")])
        }
        #expect(waits[0] >= .milliseconds(500) && waits[7] >= .seconds(30))
        #expect(session.session == Self.identity)
    }

    @Test func `A resume host that takes connections and says nothing is passed by`() throws {
        let ends: [(inout GatewaySession, ContinuousClock.Instant) -> [Action]] = [
            { $0.timerFired(now: $1 + .seconds(20)) }, { $0.closed(code: nil, reason: "", now: $1) },
            { $0.closed(code: 4000, reason: "", now: $1) }, { $0.receivedNonsense("what", now: $1) },
            { $0.receivedReconnect(now: $1) },
        ]
        for end in ends {
            var session = Self.fresh(Self.identity)
            #expect(session.start(now: Self.at(0)) == [.connect(url: "wss://resume.test")])
            _ = session.connected(now: Self.at(0))
            #expect(end(&session, Self.at(0)).last == .connect(url: Self.gateway))
            _ = session.connected(now: Self.at(1))
            _ = session.receivedHello(interval: .seconds(40), now: Self.at(1))
            #expect(
                session.standingAnswered(ticket: 1, heldAt: Self.at(1), now: Self.at(1)) == [
                    .sendResume(sessionID: "abc")
                ])
            // It may be alive again later: RESUMED brings it back into use.
            _ = session.receivedResumed(now: Self.at(1))
            #expect(
                session.closed(code: 4000, reason: "", now: Self.at(100)) == [.connect(url: "wss://resume.test")])
        }
    }

    @Test func `Without room nothing is connected to`() throws {
        var session = Stage.ready.make()
        session.readingPaused(now: Self.at(2))
        #expect(session.closed(code: nil, reason: "", now: Self.at(3)) == [])
        #expect(session.state == .waitingForRoom && session.nextDeadline == nil)
        #expect(session.readingResumed(now: Self.at(9)) == [.connect(url: "wss://resume.test")])
    }

    @Test func `While a permit is waited for the heart beats on`() throws {
        var session = Stage.waitingForPermit.make()
        var beats = 0
        var now = Self.at(0)
        while now < Self.at(200) {
            now = try #require(session.nextDeadline)
            for action in session.timerFired(now: now) where action == .sendHeartbeat { beats += 1 }
            session.receivedMessage()
            session.receivedHeartbeatACK(now: now)
            _ = session.permitAnswered(ticket: 1, validity: nil, retryAfter: .seconds(5), now: now)
        }
        #expect(beats >= 4)
        #expect(session.status == .waitingForPermit)
    }

    @Test func `A RESUME waits until the slot is known to be ours, and the heart beats on`() throws {
        var session = Stage.waitingForStanding.make()
        #expect(session.standingAnswered(ticket: 1, heldAt: nil, now: Self.at(0.1)) == [])
        #expect(session.state == .waitingForStanding)
        var beats = 0
        var now = Self.at(0)
        for ticket in 2...200 {
            var asked: [Action] = []
            while asked.isEmpty {
                now = try #require(session.nextDeadline)
                asked = session.timerFired(now: now)
                if asked.contains(.sendHeartbeat) { beats += 1 }
                session.receivedMessage()
                session.receivedHeartbeatACK(now: now)
                asked.removeAll { $0 == .sendHeartbeat }
            }
            #expect(asked == [.requestStanding(ticket: ticket)])
            _ = session.standingAnswered(ticket: ticket, heldAt: nil, now: now)
        }
        #expect(beats >= 2 && now > Self.at(90))
        now = try #require(session.nextDeadline)
        _ = session.timerFired(now: now)
        // None of them counts as a RESUME that Discord left without an answer.
        #expect(session.standingAnswered(ticket: 201, heldAt: now, now: now) == [.sendResume(sessionID: "abc")])
    }

    @Test func `What was known before a standstill is no leave to RESUME, and asked again after a while`() throws {
        var session = Stage.waitingForStanding.make()
        // At once, it might be answered with the same at once.
        #expect(session.standingAnswered(ticket: 1, heldAt: Self.at(0), now: Self.at(3.1)) == [])
        let retry = try #require(session.nextDeadline)
        #expect(retry >= Self.at(3.6))
        #expect(session.timerFired(now: retry) == [.requestStanding(ticket: 2)])
        #expect(session.standingAnswered(ticket: 1, heldAt: retry, now: retry) == [])
        #expect(
            session.standingAnswered(ticket: 2, heldAt: retry, now: retry) == [.sendResume(sessionID: "abc")])
    }

    @Test func `Three unanswered RESUMEs give the session up`() throws {
        var session = Self.fresh(Self.identity)
        var actions = session.start(now: Self.at(0))
        var now = Self.at(0)
        for attempt in 1...3 {
            #expect(actions.last == .connect(url: "wss://resume.test"), "attempt \(attempt)")
            _ = session.connected(now: now)
            _ = session.receivedHello(interval: .seconds(40), now: now)
            _ = session.standingAnswered(ticket: attempt, heldAt: now, now: now)
            actions = session.closed(code: nil, reason: "", now: now)
            if attempt == 3 { #expect(actions.first == .sessionLost(.resumeAttempts)) }
            if session.nextDeadline != nil, actions.last != .connect(url: "wss://resume.test") {
                now = try #require(session.nextDeadline)
                actions = session.timerFired(now: now)
            }
        }
        #expect(actions == [.connect(url: Self.gateway)])
        #expect(session.session == nil)
    }

    @Test func `A dead resume host is passed by, and the session kept`() throws {
        var session = Self.fresh(Self.identity)
        _ = session.start(now: Self.at(0))
        #expect(session.connectFailed("503", now: Self.at(0)) == [.connect(url: Self.gateway)])
        for _ in 0..<10 {
            _ = session.connectFailed("no route", now: Self.at(0))
            let retry = try #require(session.nextDeadline)
            #expect(session.timerFired(now: retry) == [.connect(url: Self.gateway)])
        }
        #expect(session.session == Self.identity)
    }

    @Test func `Backoff doubles, is bounded, and clears only after a sound minute`() throws {
        var session = Self.fresh()
        var now = Self.at(0)
        _ = session.start(now: now)
        #expect(session.connectFailed("", now: now) == [.connect(url: Self.gateway)])
        for failures in 1...12 {
            _ = session.connectFailed("", now: now)
            let retry = try #require(session.nextDeadline)
            let full = min(pow2(failures - 1), 60)
            #expect(retry - now >= .seconds(full / 2) && retry - now <= .seconds(full))
            now = retry
            _ = session.timerFired(now: now)
        }
        func becomeReady() {
            _ = session.connected(now: now)
            _ = session.receivedHello(interval: .seconds(40), now: now)
            if session.session == nil {
                _ = session.permitAnswered(ticket: 1, validity: .seconds(1), retryAfter: nil, now: now)
                _ = session.receivedReady(Self.identity, now: now)
            } else {
                _ = session.standingAnswered(ticket: 2, heldAt: now, now: now)
                _ = session.receivedResumed(now: now)
            }
        }
        becomeReady()
        #expect(session.closed(code: 4000, reason: "", now: now + .seconds(59)) == [])
        now = try #require(session.nextDeadline)
        _ = session.timerFired(now: now)
        becomeReady()
        #expect(session.closed(code: 4000, reason: "", now: now + .seconds(61)) == [.connect(url: "wss://resume.test")])
    }

    func pow2(_ exponent: Int) -> Double { Double(1 << exponent) }

    @Test(arguments: Stage.allCases)
    func `Waits have deadlines`(stage: Stage) {
        let session = stage.make()
        switch stage {
        // These end by the shell's own deadline, by a hand from outside, or not at all.
        case .idle, .connecting, .waitingForRoom, .stopped: #expect(session.nextDeadline == nil)
        case .waitingForHello, .waitingForPermit, .waitingForStanding, .identifying, .resuming, .ready, .backingOff:
            #expect(session.nextDeadline != nil)
        }
    }

    @Test(arguments: Stage.allCases)
    func `No event in any state breaks the rules`(stage: Stage) {
        let events: [(String, (inout GatewaySession) -> [Action])] = [
            ("start", { $0.start(now: Self.at(50)) }),
            ("connected", { $0.connected(now: Self.at(50)) }),
            ("connectFailed", { $0.connectFailed("", now: Self.at(50)) }),
            ("hello", { $0.receivedHello(interval: .seconds(40), now: Self.at(50)) }),
            ("bad hello", { $0.receivedHello(interval: .zero, now: Self.at(50)) }),
            ("beat asked", { $0.receivedHeartbeatRequest(now: Self.at(50)) }),
            (
                "ack",
                { session in
                    session.receivedHeartbeatACK(now: Self.at(50))
                    return []
                }
            ),
            ("op 7", { $0.receivedReconnect(now: Self.at(50)) }),
            ("op 9 true", { $0.receivedInvalidSession(isResumable: true, now: Self.at(50)) }),
            ("op 9 false", { $0.receivedInvalidSession(isResumable: false, now: Self.at(50)) }),
            ("READY", { $0.receivedReady(Self.identity, now: Self.at(50)) }),
            ("RESUMED", { $0.receivedResumed(now: Self.at(50)) }),
            ("nonsense", { $0.receivedNonsense("", now: Self.at(50)) }),
            ("permit", { $0.permitAnswered(ticket: 1, validity: .seconds(100), retryAfter: nil, now: Self.at(50)) }),
            ("no permit", { $0.permitAnswered(ticket: 1, validity: nil, retryAfter: .seconds(1), now: Self.at(50)) }),
            ("standing", { $0.standingAnswered(ticket: 1, heldAt: Self.at(50), now: Self.at(50)) }),
            ("no standing", { $0.standingAnswered(ticket: 1, heldAt: nil, now: Self.at(50)) }),
            ("closed", { $0.closed(code: nil, reason: "", now: Self.at(50)) }),
            ("fatal", { $0.closed(code: 4004, reason: "", now: Self.at(50)) }),
            ("timer", { $0.timerFired(now: Self.at(500)) }),
            ("room", { $0.readingResumed(now: Self.at(50)) }),
            ("stop", { $0.stop(now: Self.at(50)) }),
        ]
        for (name, event) in events {
            var session = stage.make()
            let actions = event(&session)
            // What needs a connection is only asked for while there is one, and closing is always resumable.
            for action in actions {
                switch action {
                case .sendIdentify, .sendResume, .sendHeartbeat, .requestPermit, .requestStanding:
                    #expect(stage.hasConnection, "\(name)")
                case .close(let code):
                    #expect(stage.hasConnection && code == 4000, "\(name)")
                case .connect:
                    #expect(session.state == .connecting, "\(name)")
                case .sessionLost: #expect(session.session == nil, "\(name)")
                case .stopped: #expect(session.status == .failed, "\(name)")
                }
            }
            #expect(actions.count { if case .connect = $0 { true } else { false } } <= 1, "\(name)")
            if stage == .stopped { #expect(actions == [] && session.status == .failed, "\(name)") }
            if name == "stop" { #expect(session.status == (stage == .stopped ? .failed : .released)) }
            if !stage.hasConnection { #expect(!actions.contains(.close(code: 4000)), "\(name)") }
        }
    }
}
