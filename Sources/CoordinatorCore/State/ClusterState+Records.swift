package import ClusterAPI
package import Discord
package import Foundation

/// What the state is made of, one type for each kind of thing that is kept or written down.
extension ClusterState {
    /// One life of a member.
    package struct Owner: Hashable, Sendable, Comparable {
        package let member: String
        package let incarnation: Int

        package init(member: String, incarnation: Int) {
            self.member = member
            self.incarnation = incarnation
        }

        package static func < (first: Owner, second: Owner) -> Bool {
            (first.member, first.incarnation) < (second.member, second.incarnation)
        }
    }

    /// What an operator had moved is not moved for the sake of balance, and nothing is moved to make good for it.
    package struct OperatorMove: Sendable, Equatable {
        package let from: String
        package let to: String
        /// So long that holds. In what is written down and loaded: how much of it is left.
        package var until: Duration

        package init(from: String, to: String, until: Duration) {
            self.from = from
            self.to = to
            self.until = until
        }
    }

    package struct SlotState: Sendable, Equatable {
        package let slot: Slot
        package let numShards: Int
        package var epoch: Int64 = 0
        package var owner: Owner?
        /// When an owner that was told to hand over has to be done.
        package var releaseDeadline: Duration?
        package var session: SessionState?
        /// The epoch whose owner may have got leave to IDENTIFY and has not told a session since. If it dies now, a
        /// session may have been that nobody knows of.
        package var unknownSince: Int64?
        package var guilds = 0
        package var observed: ObservedSlot?
        package var observedAt: Date?
        /// The same on the clock of `now`.
        var observedSince: Duration?
        /// Events a second, smoothed over about ten renewals.
        package var load = 0.0
        /// The only member that may run it while that one is there.
        package var pin: String?
        /// Whom it was taken from its owner for.
        package var destination: String?
        /// An operator moved it lately.
        package var moved: OperatorMove?

        package init(slot: Slot, numShards: Int) {
            self.slot = slot
            self.numShards = numShards
        }

        /// Discord closed with 4010 or 4011: only another shard count brings this one up.
        var isRefusedForCount: Bool {
            guard self.observed?.status == .failed, let code = self.observed?.closeCode else { return false }
            return code == GatewayCloseCode.invalidShard.rawValue || code == GatewayCloseCode.shardingRequired.rawValue
        }
    }

    package struct MemberState: Sendable, Equatable {
        package enum Phase: Sendable, Equatable {
            case alive
            /// Leaves in good order: gets nothing new, hands over what it has.
            case draining
            /// Its lease is over; nothing it had may be granted before the broker has cut it off.
            case fencing
        }

        package let registration: MemberRegistration
        package let incarnation: Int
        package let startedAt: Date
        package var leaseEnds: Duration
        /// By when a member whose attendance was broken off has to be heard of; nil: there is no doubt.
        package internal(set) var doubtEnds: Duration?
        package var phase: Phase
        package var observedLanes: [Int] = []
        /// Its exchange is there. Before that it gets nothing.
        package var isAdmitted = true
        /// This leader has heard of it. One that only the database knows of gets nothing new.
        package var isConfirmed = true
        /// The highest version of its desired state that it has applied.
        package var appliedVersion = 0
        /// Of the latest renewal that was heard; 0 where members don't number them.
        package var renewal = 0
        /// When this leader saw it register; zero for one that was there before.
        package var registeredAt: Duration = .zero
        /// Events a second of all that it holds, smoothed.
        package var load = 0.0

        package init(
            registration: MemberRegistration, incarnation: Int, startedAt: Date, leaseEnds: Duration,
            phase: Phase = .alive
        ) {
            self.registration = registration
            self.incarnation = incarnation
            self.startedAt = startedAt
            self.leaseEnds = leaseEnds
            self.phase = phase
        }

        package var owner: Owner { Owner(member: self.registration.id, incarnation: self.incarnation) }
    }

    /// What an operator said of a member; it outlives the member's restarts.
    package enum Mark: String, Sendable, Equatable, CaseIterable {
        /// Keeps what it has, gets nothing new.
        case cordoned
        /// Hands over what it has, gets nothing new.
        case drained
    }

    package struct LaneState: Sendable, Equatable {
        package var primary: String?
        package var standby: String?

        package init(primary: String? = nil, standby: String? = nil) {
            self.primary = primary
            self.standby = standby
        }
    }

    package struct ApplicationState: Sendable, Equatable {
        package let id: Snowflake
        package let name: String
        /// The one in force.
        package let generation: Int
        package let numShards: Int
        package let intents: UInt64
        package let gatewayURL: String
        /// The shard count was changed by a reshard: the one in the settings no longer counts.
        package var isResharded: Bool

        package init(
            id: Snowflake, name: String, generation: Int, numShards: Int, intents: UInt64, gatewayURL: String,
            isResharded: Bool = false
        ) {
            self.id = id
            self.name = name
            self.generation = generation
            self.numShards = numShards
            self.intents = intents
            self.gatewayURL = gatewayURL
            self.isResharded = isResharded
        }
    }

    /// A lost session, and who ran its slot.
    package struct GapState: Hashable, Sendable {
        package let slot: Slot
        package let gap: SessionGap
        package let member: String

        package init(slot: Slot, gap: SessionGap, member: String) {
            self.slot = slot
            self.gap = gap
            self.member = member
        }

        /// A session is lost once, however often it is told.
        package func isSame(as other: GapState) -> Bool {
            self.slot == other.slot && self.gap.session == other.gap.session
        }
    }

    /// What has to be written down before anyone may see it.
    package enum Change: Hashable, Sendable {
        case member(String)
        case slot(Slot)
        case lane(Int)
        case application(Snowflake)
        case gap(GapState)
        case reshard(Snowflake)
        case restart
        case audit(AuditEntry)
    }

    package struct StaleIncarnation: Error {
        package init() {}
    }
}
