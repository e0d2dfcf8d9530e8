/// A mistake that the simulation can make on purpose, to show that it would be seen. None of them is in the code that
/// production runs: they are made where the simulation stands in for a shell, a server or a member, or in the policy.
package enum PlantedBug: String, CaseIterable, Sendable {
    // The coordinator's shell and stores.
    /// PostgreSQL takes a write without looking who leads.
    case saveWithoutEpoch
    /// The core is told that a write is done before it is.
    case visibleBeforeSaved
    /// A write that failed counts as done.
    case failedSaveCountsAsDone
    /// A coordinator goes on after its time to lead, and takes PostgreSQL's no for a yes.
    case leaderWithoutEnd
    /// An older write that arrives late undoes a newer one.
    case lateSaveUndoesNewer
    /// A new leader reads the state before it leads.
    case loadBeforeLeading
    /// A new leader forgets whose end was written down, and takes their slots for free.
    case loadForgetsFences
    /// A new leader starts to count incarnations anew.
    case loadForgetsIncarnations
    /// A new leader forgets sessions.
    case loadForgetsSessions
    /// A watermark is written beside the session before.
    case watermarkOfAnotherSession
    /// When a bucket was used is kept in the coordinator's memory.
    case permitsInMemory
    /// A renewal that was on its way for long counts like the latest: its watermark and its session are taken.
    case lateRenewalsCount
    // The broker.
    /// The broker is not asked to cut anybody off.
    case noFence
    /// The broker's silence counts as its yes.
    case failedFenceCountsAsDone
    /// Cut off by unbinding: what is published still is confirmed, and gone.
    case fenceByUnbinding
    // The policy.
    /// Permits are spaced as if they were used at once, and members use them late.
    case spacingWithoutValidity
    /// The whole session start limit is used.
    case noReserve
    /// IDENTIFYs go on however many of them fail.
    case stormBrakeOff
    /// Discord's count is taken as it is, without what was permitted meanwhile.
    case budgetForgetsPermits
    /// A lane is switched without an overlap, wherever the old generation is.
    case reshardWithoutOverlap
    /// A reshard takes the new generation for ready before it is.
    case reshardBeforeReady
    // Members.
    /// A permit's time counts from its answer.
    case permitCountsFromAnswer
    /// RESUME without a look whether the slot is still the process'.
    case resumesWithoutStanding
    /// A RESUME is sent by an answer from before the process stood still.
    case standingOutlivesPauses
    /// The watermark is the highest confirm.
    case watermarkIsHighestConfirm
    /// The watermark is the last event received.
    case watermarkIsLastReceived
    /// RESUME with the last event received, after the connection to the broker was lost with events on their way.
    case dropsUnconfirmed
    /// A slot counts as let go as soon as that is asked for.
    case releasedWhileRunning
    /// A lost session leaves no gap record.
    case noGapRecord
    /// The next session is told before the gap record of the last is confirmed.
    case gapToldTooEarly
    /// A session that nobody told of before its owner died is passed over.
    case forgetsUnknownSessions
    /// Answers are applied in the order in which they come, also those to requests that were given up.
    case appliesOldAnswers

    /// Only where the shard count is changed.
    var needsReshard: Bool {
        switch self {
        case .reshardWithoutOverlap, .reshardBeforeReady: true
        default: false
        }
    }

    /// Only where answers come long after their requests were given up: such schedules are rare.
    var needsLateAnswers: Bool { self == .appliesOldAnswers }
}
