package import ClusterAPI

/// Which slots should change hands. Pure: the same input gives the same moves.
///
/// In this order: a free slot goes to the member that is fullest after it the least, as a part of its capacity (so
/// members, and with them zones, fill evenly); draining members give what others have room for; pinned slots go home;
/// members that hold more than their part give some to those that hold less; and a member that is much busier than the
/// rest trades a busy slot for a quiet one. Where several members are as good, the one with fewer slots of the same
/// identify bucket, then the quieter one is taken: a member that loses its sessions gets them back soonest when their
/// buckets differ.
///
/// What an operator moved lately counts where it was, so that nothing is moved to make good for it; nor is load traded
/// there. A move that made the spread more even has done its part of what there was to do.
package enum SlotPlan {
    package struct Member: Sendable, Equatable {
        package let owner: ClusterState.Owner
        package let capacity: Int
        package var zone = ""
        package let isDraining: Bool
        /// Gets nothing new, though it is not draining.
        package var isClosed = false
        /// Slots that it has or that are on their way to it, without those that it is giving away.
        package var count = 0
        /// Events a second.
        package var load = 0.0
        /// Slots that an operator moved lately: what was meant to be uneven is not evened out.
        package var movedAway = 0
        package var movedHere = 0

        package init(
            owner: ClusterState.Owner, capacity: Int, zone: String = "", isDraining: Bool, isClosed: Bool = false,
            count: Int = 0, load: Double = 0
        ) {
            self.owner = owner
            self.capacity = capacity
            self.zone = zone
            self.isDraining = isDraining
            self.isClosed = isClosed
            self.count = count
            self.load = load
        }
    }

    package struct Slot: Sendable, Equatable {
        package let slot: ClusterAPI.Slot
        package let owner: ClusterState.Owner?
        /// Its owner has been told to hand it over.
        package let isMoving: Bool
        /// Its session is up: moving it costs a RESUME, and never an IDENTIFY that is on its way.
        package var isReady = true
        /// Of the identify bucket.
        package var bucket = 0
        package var load = 0.0
        package var pin: String?
        /// Whom it was taken from its last owner for.
        package var destination: String?
        /// Somebody put it where it is: not moved for the sake of balance.
        package var isHeld = false

        package init(
            slot: ClusterAPI.Slot, owner: ClusterState.Owner?, isMoving: Bool, isReady: Bool = true, bucket: Int = 0,
            load: Double = 0, pin: String? = nil, destination: String? = nil, isHeld: Bool = false
        ) {
            self.slot = slot
            self.owner = owner
            self.isMoving = isMoving
            self.isReady = isReady
            self.bucket = bucket
            self.load = load
            self.pin = pin
            self.destination = destination
            self.isHeld = isHeld
        }
    }

    package enum Move: Sendable, Equatable {
        /// The slot is free: give it to this member.
        case grant(ClusterAPI.Slot, to: ClusterState.Owner)
        /// Ask its owner to hand it over; it is granted anew once it is free.
        case release(ClusterAPI.Slot, from: ClusterState.Owner, for: String? = nil)

        package var slot: ClusterAPI.Slot {
            switch self {
            case .grant(let slot, _), .release(let slot, _, _): slot
            }
        }
    }

    /// How much may be moved though nothing forces it.
    package struct Bounds: Sendable, Equatable {
        /// Slots on the move at once, those that move already included.
        package var mostMoves: Int
        /// False while members may not have been heard yet.
        package var balances = true
        package var balancesLoad = false
        /// How far above the mean the busiest member may be, as a part of the mean.
        package var loadTolerance = 0.25
        /// Members that differ by less than this many events a second are alike.
        package var leastLoad = 20.0

        package init(mostMoves: Int, balances: Bool = true, balancesLoad: Bool = false) {
            self.mostMoves = mostMoves
            self.balances = balances
            self.balancesLoad = balancesLoad
        }
    }

    /// - Parameters:
    ///   - members: each with its `count` and `load`.
    ///   - strays: pinned slots that their member does not run.
    ///   - moving: how many slots are on the move.
    ///   - slotsOf: what a member has; asked only for members that something is taken from or compared with.
    package static func moves(
        free: [Slot], strays: [Slot] = [], members: [Member], moving: Int, bounds: Bounds,
        slotsOf: (ClusterState.Owner) -> [Slot]
    ) -> [Move] {
        var board = SlotBoard(members)
        var moves = board.place(free, slotsOf)
        let waiting = free.count - moves.count
        moves += board.drain(keeping: waiting, slotsOf)
        guard bounds.balances else { return moves }
        var moving = moving
        moves += board.bringHome(strays, &moving, bounds, slotsOf)
        moves += board.balance(&moving, bounds, slotsOf)
        if bounds.balancesLoad { moves += board.trade(&moving, bounds, slotsOf) }
        return moves
    }

    /// The same, from all slots at once.
    static func moves(slots: [Slot], members: [Member], mostMoves: Int) -> [Move] {
        let byOwner = Dictionary(grouping: slots.filter { $0.owner != nil }) { $0.owner }
        let members = members.map { member in
            var member = member
            let held = (byOwner[member.owner] ?? []).filter { !$0.isMoving }
            member.count = held.count
            member.load = held.reduce(0) { $0 + $1.load }
            return member
        }
        return self.moves(
            free: slots.filter { $0.owner == nil }, members: members, moving: slots.count { $0.isMoving },
            bounds: Bounds(mostMoves: mostMoves)
        ) { byOwner[$0] ?? [] }
    }
}
