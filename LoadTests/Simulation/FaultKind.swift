/// What goes wrong for a while. Clock drift, duplicate requests, lost replies and a small budget of session starts are
/// there for a whole schedule, in some of them.
package enum FaultKind: String, CaseIterable, Sendable {
    case coordinatorKilled, coordinatorsKilled, coordinatorPaused
    /// SIGTERM: it lets go of the lead.
    case coordinatorStopped
    case memberKilled, memberPaused
    /// SIGTERM: it hands over and says goodbye.
    case memberStopped
    /// One way or both.
    case coordinatorCutFromDatabase, coordinatorCutFromBroker
    case memberCutFromCoordinator, memberCutFromBroker, memberCutFromDiscord
    case databaseFailover, databaseSlow, databaseConnectionsStuck
    case brokerRestarted, brokerSlow
    case slowRequests
    case sessionsForgotten, identifiesRefused
    /// All sessions are gone, and nobody gets another one for long.
    case identifyStorm

    /// Each as often as it should come.
    static let weighted: [FaultKind] = FaultKind.allCases + [.memberKilled, .memberPaused, .memberStopped]
}

/// What a coordinator or a member was doing when it died, stood still or was cut off.
package enum Moment: String, CaseIterable, Sendable {
    // Coordinators
    case save, admit, fence, takePermit
    // Members
    case registered, identify, standing, ready, sessionLost, released

    /// What a schedule draws from. A member that lives on is fenced seldom, and what a leader forgets of it is worst.
    static let lots = Moment.allCases + [.fence, .fence, .fence]

    /// Comes a few times in a schedule, and not with every other step.
    var isRare: Bool {
        switch self {
        case .admit, .fence, .registered, .sessionLost: true
        case .save, .takePermit, .identify, .standing, .ready, .released: false
        }
    }
}

struct MomentFault {
    let node: Int
    let life: Int
    let isPause: Bool
}
