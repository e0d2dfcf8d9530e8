import ClusterAPI

/// Which slots should change hands. Pure: the same input gives the same moves.
enum SlotPlan {
    struct Member: Sendable, Equatable {
        let owner: ClusterState.Owner
        let capacity: Int
        let isDraining: Bool
    }

    struct Slot: Sendable, Equatable {
        let slot: ClusterAPI.Slot
        let owner: ClusterState.Owner?
        /// Its owner has been told to hand it over.
        let isMoving: Bool
        /// Its session is up: moving it costs a RESUME, and never an IDENTIFY that is on its way.
        var isReady = true
    }

    enum Move: Sendable, Equatable {
        /// The slot is free: give it to this member.
        case grant(ClusterAPI.Slot, to: ClusterState.Owner)
        /// Ask its owner to hand it over; it is granted anew once it is free.
        case release(ClusterAPI.Slot, from: ClusterState.Owner)

        var slot: ClusterAPI.Slot {
            switch self {
            case .grant(let slot, _), .release(let slot, _): slot
            }
        }
    }

    /// Free slots go to the members with the most room; draining members give all they have; beyond that a slot moves
    /// only where one member has at least two more than another.
    ///
    /// - Parameter mostMoves: the most slots that may be on the move at once for balance's sake.
    static func moves(slots: [Slot], members: [Member], mostMoves: Int) -> [Move] {
        var moves: [Move] = []
        let open = members.filter { !$0.isDraining }.sorted { $0.owner.member < $1.owner.member }
        let draining = Set(members.filter(\.isDraining).map(\.owner))
        var held = Dictionary(uniqueKeysWithValues: open.map { ($0.owner, 0) })
        for slot in slots where !slot.isMoving {
            if let owner = slot.owner, held[owner] != nil { held[owner, default: 0] += 1 }
        }

        func roomiest() -> Member? {
            open.filter { held[$0.owner, default: 0] < $0.capacity }
                .min { (held[$0.owner, default: 0], $0.owner.member) < (held[$1.owner, default: 0], $1.owner.member) }
        }

        let ordered = slots.sorted { $0.slot < $1.slot }
        for slot in ordered where slot.owner == nil {
            guard let member = roomiest() else { break }
            held[member.owner, default: 0] += 1
            moves.append(.grant(slot.slot, to: member.owner))
        }
        for slot in ordered where !slot.isMoving {
            if let owner = slot.owner, draining.contains(owner), !open.isEmpty {
                moves.append(.release(slot.slot, from: owner))
            }
        }

        var moving = slots.count { $0.isMoving }
        var movable = ordered.filter { !$0.isMoving && $0.isReady }
        while moving < mostMoves, let target = roomiest(),
            let source = open.max(by: { held[$0.owner, default: 0] < held[$1.owner, default: 0] }),
            held[source.owner, default: 0] >= held[target.owner, default: 0] + 2,
            let index = movable.lastIndex(where: { $0.owner == source.owner })
        {
            let slot = movable.remove(at: index)
            held[source.owner, default: 0] -= 1
            held[target.owner, default: 0] += 1
            moving += 1
            moves.append(.release(slot.slot, from: source.owner))
        }
        return moves
    }
}
