import Testing

@testable import Shard

@Suite("What heartbeats' ACKs show")
struct HeartbeatReceiptsTests {
    private static func at(_ seconds: Double) -> ContinuousClock.Instant { GatewaySessionTests.at(seconds) }

    @Test func `An ACK counts from when its heartbeat was sent, once all that came before it is settled`() {
        var receipts = HeartbeatReceipts()
        #expect(receipts.settledAt == nil)
        receipts.sent(isReady: true, now: Self.at(1))
        receipts.acknowledged(received: 10)
        receipts.settled(9)
        #expect(receipts.settledAt == nil)
        receipts.settled(10)
        #expect(receipts.settledAt == Self.at(1))
    }

    @Test func `ACKs belong to heartbeats in their order`() {
        var receipts = HeartbeatReceipts()
        receipts.sent(isReady: true, now: Self.at(1))
        receipts.sent(isReady: true, now: Self.at(2))
        receipts.acknowledged(received: 10)
        receipts.settled(50)
        #expect(receipts.settledAt == Self.at(1))
        receipts.acknowledged(received: 10)
        receipts.settled(50)
        #expect(receipts.settledAt == Self.at(2))
        // One that nobody asked for says nothing.
        receipts.acknowledged(received: 60)
        receipts.settled(60)
        #expect(receipts.settledAt == Self.at(2))
    }

    @Test func `What was sent before RESUMED says nothing, as its ACK may overtake the replay`() {
        var receipts = HeartbeatReceipts()
        receipts.sent(isReady: false, now: Self.at(1))
        receipts.sent(isReady: true, now: Self.at(2))
        receipts.acknowledged(received: 5)
        receipts.settled(9)
        #expect(receipts.settledAt == nil)
        receipts.acknowledged(received: 9)
        receipts.settled(9)
        #expect(receipts.settledAt == Self.at(2))
    }

    @Test func `A lost connection leaves what is known, and its heartbeats get no ACK`() {
        var receipts = HeartbeatReceipts()
        receipts.sent(isReady: true, now: Self.at(1))
        receipts.acknowledged(received: 5)
        receipts.sent(isReady: true, now: Self.at(2))
        receipts.disconnected()
        receipts.acknowledged(received: 7)
        receipts.settled(7)
        #expect(receipts.settledAt == Self.at(1))
        receipts.sessionEnded()
        #expect(receipts.settledAt == nil)
    }

    @Test func `While nothing is settled it stays small, and never tells too much`() {
        var receipts = HeartbeatReceipts()
        for beat in 1...500 {
            receipts.sent(isReady: true, now: Self.at(Double(beat)))
            receipts.acknowledged(received: Int64(beat))
        }
        receipts.settled(3)
        #expect(receipts.settledAt == Self.at(3))
        receipts.settled(400)
        #expect(receipts.settledAt.map { $0 <= Self.at(400) } == true)
        receipts.settled(500)
        #expect(receipts.settledAt == Self.at(500))
        // A peer that acknowledges nothing: after too many nobody knows which one an ACK is for.
        for beat in 501...900 { receipts.sent(isReady: true, now: Self.at(Double(beat))) }
        receipts.acknowledged(received: 501)
        receipts.settled(501)
        #expect(receipts.settledAt == Self.at(500))
        receipts.disconnected()
        receipts.sent(isReady: true, now: Self.at(901))
        receipts.acknowledged(received: 502)
        receipts.settled(502)
        #expect(receipts.settledAt == Self.at(901))
    }

    // MARK: Probes

    @Test func `Probes are sent while the session is live, the first at once`() {
        var session = GatewaySessionTests.Stage.identifying.make()
        session.probe(every: .seconds(2), now: Self.at(0))
        #expect(session.nextDeadline.map { $0 > Self.at(1) } == true)
        _ = session.receivedReady(GatewaySessionTests.identity, now: Self.at(1))
        #expect(session.nextDeadline == Self.at(0))
        let first = session.timerFired(now: Self.at(1))
        #expect(first == [.sendHeartbeat])
        #expect(session.nextDeadline == Self.at(3))
        let second = session.timerFired(now: Self.at(2))
        #expect(second == [])
        // Unanswered, they are no reason to leave: the timer's beats are.
        let third = session.timerFired(now: Self.at(3))
        #expect(third == [.sendHeartbeat])
        #expect(session.state == .ready)
        // Told anew, the next one goes at once.
        session.probe(every: .seconds(2), now: Self.at(4))
        #expect(session.nextDeadline == Self.at(4))
        session.probe(every: nil, now: Self.at(4))
        #expect(session.nextDeadline.map { $0 > Self.at(4) } == true)
    }
}
