import Foundation

/// Finds sockets that answer heartbeats and yet bring nothing: silent for much longer than the slot's own norm
/// explains.
///
/// The norm is how many events a second came in of late, and the longest silence that ended by itself. A slot whose
/// norm is low is never called deaf. It knows no clock; it is asked with each heartbeat, so its times are as fine as
/// those.
struct SilenceWatch: Sendable {
    typealias Instant = ContinuousClock.Instant

    struct Policy: Sendable, Equatable {
        var shortestSilence: Duration = .seconds(60)
        /// Half of the norm is younger than this.
        var halfLife: Duration = .seconds(600)
        /// What comes so soon after READY is the session's own state, and no norm.
        var settling: Duration = .seconds(120)
        /// Listening time before a slot has a norm.
        var warmUp: Duration = .seconds(600)
        /// Events a second below which silence says nothing.
        var leastRate = 0.2
        /// How far below its norm a slot may fall without anything being wrong, as at night.
        var slack = 0.1
        /// Events that should have come by now even so. With independent events a silence by chance has odds of
        /// e^-20; events come in bursts, hence the rules beside this one.
        var expectedEvents = 20.0
        /// Times the norm: what comes faster counts no more than that, so that one flood makes no norm.
        var mostRise = 4.0
        /// Times the longest silence of late.
        var gapFactor = 4.0
        var gapHalfLife: Duration = .seconds(86_400)
        /// What a repetition multiplies the times by, at most; it doubles with each one.
        var mostPatience = 16.0
        /// After so long without a new finding the patience is as at first.
        var calmAfter: Duration = .seconds(3_600)
    }

    private struct Listening {
        let settledAt: Instant
        /// Of the last check, or of the last one that saw events.
        var heardAt: Instant
        var checkedAt: Instant
        var total: UInt64
    }

    private struct Finding {
        let at: Instant
        let silence: Duration
        let total: UInt64
        /// Whether what the next connection brought has been looked at.
        var isJudged = false
    }

    private let policy: Policy
    /// `nil` while nothing can be heard: no session, or the socket is left unread.
    private var listening: Listening?
    /// The session's own state has come by then; a socket that is left unread meanwhile changes nothing about that.
    private var settledAt: Instant?
    // Weighted sums: their ratio is the norm, right from the first span.
    private var events = 0.0
    private var seconds = 0.0
    private var heardFor: Duration = .zero
    private var longestGap: Duration = .zero
    private var patience = 1.0
    private var finding: Finding?

    init(policy: Policy = Policy()) { self.policy = policy }

    /// Events a second, by the norm.
    var rate: Double { self.seconds > 0 ? self.events / self.seconds : 0 }

    /// Events can be heard from now on.
    ///
    /// - Parameter total: events that the slot ever received, those included that a RESUME has brought.
    mutating func started(total: UInt64, isNewSession: Bool, now: Instant) {
        if isNewSession { self.settledAt = now + self.policy.settling }
        self.listening = Listening(settledAt: self.settledAt ?? now, heardAt: now, checkedAt: now, total: total)
        guard let finding, !finding.isJudged else { return }
        self.finding?.isJudged = true
        // RESUMED itself is one. Nothing more: there was nothing to hear, and such silences belong to this slot.
        if total &- finding.total <= 1 { self.longestGap = max(self.longestGap, finding.silence) }
    }

    mutating func stopped() { self.listening = nil }

    /// Whether the socket is deaf. After a yes it waits for ``started(total:isNewSession:now:)``.
    mutating func check(total: UInt64, now: Instant) -> Bool {
        guard var listening, now > listening.checkedAt else { return false }
        if now < listening.settledAt {
            (listening.heardAt, listening.checkedAt, listening.total) = (now, now, total)
            self.listening = listening
            return false
        }
        defer { self.listening?.checkedAt = now }
        guard total == listening.total else {
            let span = now - listening.heardAt
            let silence = listening.checkedAt - listening.heardAt
            var heard = Double(total &- listening.total)
            if self.heardFor >= self.policy.warmUp {
                heard = min(heard, self.policy.mostRise * max(self.rate, self.policy.leastRate) * (span / .seconds(1)))
            }
            self.age(by: span)
            self.longestGap = max(self.longestGap, silence)
            self.events += heard
            self.seconds += span / .seconds(1)
            self.heardFor += span
            listening.heardAt = now
            listening.total = total
            self.listening = listening
            return false
        }
        let silence = now - listening.heardAt
        guard self.isDeaf(after: silence, now: now) else { return false }
        self.patience = min(self.patience * 2, self.policy.mostPatience)
        self.finding = Finding(at: now, silence: silence, total: total)
        self.listening = nil
        return true
    }

    private mutating func isDeaf(after silence: Duration, now: Instant) -> Bool {
        if let finding, now - finding.at >= self.policy.calmAfter { self.patience = 1 }
        return self.heardFor >= self.policy.warmUp
            && self.rate >= self.policy.leastRate
            && silence >= self.policy.shortestSilence * self.patience
            && silence >= self.longestGap * self.policy.gapFactor
            && self.rate * self.policy.slack * (silence / .seconds(1)) >= self.policy.expectedEvents * self.patience
    }

    private mutating func age(by span: Duration) {
        let kept = Self.half(span, self.policy.halfLife)
        self.events *= kept
        self.seconds *= kept
        self.longestGap = self.longestGap * Self.half(span, self.policy.gapHalfLife)
    }

    /// 0.5 to the power of `span / halfLife`.
    private static func half(_ span: Duration, _ halfLife: Duration) -> Double { exp2(-(span / halfLife)) }
}
