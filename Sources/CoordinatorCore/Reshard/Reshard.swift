package import Discord
package import Foundation

/// A change of an application's shard count while everything runs. Written down at each step, so that the next leader
/// goes on where the last one was.
///
/// Both generations are connected. The new one publishes the lanes below `joined`, the old one those from `left` on, so
/// both publish the lanes between, and what they publish twice is told by its content. `left` never passes `joined`.
package struct Reshard: Sendable, Codable, Equatable {
    package enum Phase: String, Sendable, Codable {
        /// The new generation IDENTIFYs and warms up; it publishes nothing.
        case identifying
        /// Lane by lane goes to the new generation.
        case switching
        /// The new generation is in force; the old one's sessions are closed. There is no way back.
        case closing
        /// Lanes go back to the old generation.
        case rollingBack
        /// The old generation is alone again; the new one's sessions are closed.
        case cleaning
    }

    package let application: Snowflake
    package let from: Int
    package let fromShards: Int
    package let to: Int
    package let toShards: Int
    package let requestedBy: String
    package let startedAt: Date
    package internal(set) var phase = Phase.identifying
    package internal(set) var joined = 0
    package internal(set) var left = 0
    /// Why it is rolled back.
    package internal(set) var reason: String?

    package init(
        application: Snowflake, from: Int, fromShards: Int, to: Int, toShards: Int, requestedBy: String, startedAt: Date
    ) {
        self.application = application
        self.from = from
        self.fromShards = fromShards
        self.to = to
        self.toShards = toShards
        self.requestedBy = requestedBy
        self.startedAt = startedAt
    }

    /// The new generation is run beside the one in force.
    package var runsBoth: Bool {
        switch self.phase {
        case .identifying, .switching, .rollingBack: true
        case .closing, .cleaning: false
        }
    }

    package var canBeAborted: Bool {
        switch self.phase {
        case .identifying, .switching: true
        case .closing, .rollingBack, .cleaning: false
        }
    }

    /// Where the next step of the switch ends: one lane, then a quarter, then all.
    static func nextBoundary(after joined: Int, lanes: Int) -> Int {
        switch joined {
        case 0: min(1, lanes)
        case 1 where lanes > 4: lanes / 4
        default: lanes
        }
    }
}

/// What this leader has seen of a reshard. Not written down: the next one waits anew, which takes longer and harms
/// nobody.
struct ReshardProgress: Sendable, Equatable {
    /// When this leader saw the phase begin.
    var began: Duration
    /// When it last got on.
    var advancedAt: Duration
    /// Since when everything that the next step needs is right, without a break.
    var readySince: Duration?
    /// The new generation's sessions since then: another one begins with what the last one missed.
    var sessions: [String?] = []
    /// The versions that members have to have applied before the next step.
    var awaited: [String: Int] = [:]
    /// Since when they have.
    var appliedSince: Duration?
}
