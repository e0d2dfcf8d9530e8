import ClusterAPI

/// Members and what they hold while a plan is made.
struct SlotBoard {
    typealias Slot = SlotPlan.Slot
    typealias Move = SlotPlan.Move
    typealias SlotsOf = (ClusterState.Owner) -> [Slot]

    private struct Row {
        let member: SlotPlan.Member
        let isOpen: Bool
        var count: Int
        var load: Double
        /// What it has, once somebody has asked; without what it gives away.
        var slots: [Slot]?
        /// How many of each bucket it has, once somebody has asked.
        var buckets: [Int: Int]?

        var hasRoom: Bool { self.count < self.member.capacity }
        /// As if no operator had moved anything lately.
        var evenCount: Int { self.count + self.member.movedAway - self.member.movedHere }
        /// How full it is, and would be with one more.
        var fill: Double { Double(self.evenCount) / Double(self.member.capacity) }
        var nextFill: Double { Double(self.evenCount + 1) / Double(self.member.capacity) }
        var trueFill: Double { Double(self.count) / Double(self.member.capacity) }
        var nextTrueFill: Double { Double(self.count + 1) / Double(self.member.capacity) }
        /// An operator moves its slots: its load is left alone.
        var isOperated: Bool { self.member.movedAway > 0 || self.member.movedHere > 0 }
        var relativeLoad: Double { self.load / Double(self.member.capacity) }
    }

    /// A row as it was when it was put into a heap.
    private struct Entry: Comparable {
        let key: Double
        let load: Double
        let row: Int
        let count: Int

        static func < (first: Entry, second: Entry) -> Bool {
            if first.key != second.key { return first.key < second.key }
            if first.load != second.load { return first.load < second.load }
            return first.row < second.row
        }
    }

    /// When a free slot is placed: those that somebody waits for first, then those of one bucket one after the other,
    /// so that they go to different members.
    private struct Turn: Comparable {
        let isWished: Bool
        let bucket: Int
        let slot: ClusterAPI.Slot
        let index: Int

        init(_ slot: Slot, index: Int) {
            self.isWished = slot.pin != nil || slot.destination != nil
            self.bucket = slot.bucket
            self.slot = slot.slot
            self.index = index
        }

        static func < (first: Turn, second: Turn) -> Bool {
            if first.isWished != second.isWished { return first.isWished }
            return (first.slot.application, first.bucket, first.slot)
                < (second.slot.application, second.bucket, second.slot)
        }
    }

    /// So many of the equally full members are looked at for the best.
    private static let candidates = 4

    private var rows: [Row]
    private let rowOfMember: [String: Int]

    init(_ members: [SlotPlan.Member]) {
        // Members take turns by zone: those that are equally full are filled zone by zone.
        var seen: [String: Int] = [:]
        let ordered = members.sorted { $0.owner < $1.owner }
            .map { member in
                seen[member.zone, default: 0] += 1
                return (turn: seen[member.zone, default: 0], member: member)
            }
            .sorted { ($0.turn, $0.member.zone, $0.member.owner) < ($1.turn, $1.member.zone, $1.member.owner) }
        self.rows = ordered.map { _, member in
            Row(
                member: member, isOpen: !member.isDraining && !member.isClosed && member.capacity > 0,
                count: member.count, load: member.load)
        }
        self.rowOfMember = Dictionary(
            self.rows.indices.map { (ordered[$0].member.owner.member, $0) }, uniquingKeysWith: { $1 })
    }

    // MARK: Free slots

    /// Gives free slots to members with room.
    mutating func place(_ free: [Slot], _ slotsOf: SlotsOf) -> [Move] {
        guard !free.isEmpty else { return [] }
        let withRoom = self.rows.indices.filter { self.rows[$0].isOpen && self.rows[$0].hasRoom }
        var heap = BinaryHeap(withRoom.map { self.target($0) })
        var moves: [Move] = []
        moves.reserveCapacity(free.count)
        // Turns are sorted, and not the slots, which are large.
        for turn in free.indices.map({ Turn(free[$0], index: $0) }).sorted() {
            let slot = free[turn.index]
            guard let row = self.wished(for: slot) ?? self.best(for: slot, &heap, slotsOf) else { break }
            self.put(slot, row, slotsOf)
            if self.rows[row].hasRoom { heap.push(self.target(row)) }
            moves.append(.grant(slot.slot, to: self.rows[row].member.owner))
        }
        return moves
    }

    /// The member that the slot is pinned to, or was taken from its last owner for.
    private func wished(for slot: Slot) -> Int? {
        for wished in [slot.pin, slot.destination] {
            guard let wished, let row = self.rowOfMember[wished], self.rows[row].isOpen, self.rows[row].hasRoom else {
                continue
            }
            return row
        }
        return nil
    }

    private func target(_ row: Int) -> Entry {
        Entry(key: self.rows[row].nextFill, load: self.rows[row].relativeLoad, row: row, count: self.rows[row].count)
    }

    private func source(_ row: Int) -> Entry {
        Entry(key: -self.rows[row].fill, load: -self.rows[row].relativeLoad, row: row, count: self.rows[row].count)
    }

    /// Takes the members that are the least full out of the heap, and puts all but the chosen one back.
    private mutating func best(for slot: Slot, _ heap: inout BinaryHeap<Entry>, _ slotsOf: SlotsOf) -> Int? {
        var found: [Entry] = []
        while let entry = heap.first, found.count < Self.candidates, entry.key == found.first?.key ?? entry.key {
            _ = heap.pop()
            if self.rows[entry.row].count == entry.count { found.append(entry) }
        }
        guard found.count > 1 else { return found.first?.row }
        var best = 0
        var least = Int.max
        for (index, entry) in found.enumerated() {
            let same = self.count(ofBucket: slot.bucket, entry.row, slotsOf)
            if same < least { (best, least) = (index, same) }
        }
        for (index, entry) in found.enumerated() where index != best { heap.push(entry) }
        return found[best].row
    }

    private mutating func count(ofBucket bucket: Int, _ row: Int, _ slotsOf: SlotsOf) -> Int {
        self.countBuckets(row, slotsOf)
        return self.rows[row].buckets?[bucket] ?? 0
    }

    private mutating func countBuckets(_ row: Int, _ slotsOf: SlotsOf) {
        guard self.rows[row].buckets == nil else { return }
        var buckets: [Int: Int] = [:]
        for slot in self.slots(row, slotsOf) { buckets[slot.bucket, default: 0] += 1 }
        self.rows[row].buckets = buckets
    }

    private mutating func slots(_ row: Int, _ slotsOf: SlotsOf) -> [Slot] {
        if let slots = self.rows[row].slots { return slots }
        let slots = slotsOf(self.rows[row].member.owner).filter { !$0.isMoving }
        self.rows[row].slots = slots
        return slots
    }

    private mutating func put(_ slot: Slot, _ row: Int, _ slotsOf: SlotsOf) {
        self.countBuckets(row, slotsOf)
        self.rows[row].count += 1
        self.rows[row].load += slot.load
        self.rows[row].buckets?[slot.bucket, default: 0] += 1
    }

    private mutating func move(_ slot: Slot, from: Int, to: Int, _ slotsOf: SlotsOf) {
        self.countBuckets(from, slotsOf)
        self.rows[from].count -= 1
        self.rows[from].load -= slot.load
        self.rows[from].buckets?[slot.bucket, default: 0] -= 1
        self.rows[from].slots?.removeAll { $0.slot == slot.slot }
        self.put(slot, to, slotsOf)
    }

    // MARK: What has to go

    /// Draining members give what others have room for.
    /// - Parameter waiting: free slots that found no room: they come first.
    mutating func drain(keeping waiting: Int, _ slotsOf: SlotsOf) -> [Move] {
        var room = -waiting
        for row in self.rows where row.isOpen { room += max(0, row.member.capacity - row.count) }
        var moves: [Move] = []
        for row in self.rows.indices where self.rows[row].member.isDraining {
            for slot in self.slots(row, slotsOf).sorted(by: { $0.slot < $1.slot }) where room > 0 {
                room -= 1
                moves.append(.release(slot.slot, from: self.rows[row].member.owner))
            }
        }
        return moves
    }

    /// Pinned slots go to their member, once it is there and has room.
    mutating func bringHome(
        _ strays: [Slot], _ moving: inout Int, _ bounds: SlotPlan.Bounds, _ slotsOf: SlotsOf
    ) -> [Move] {
        var moves: [Move] = []
        for slot in strays.sorted(by: { $0.slot < $1.slot }) where moving < bounds.mostMoves {
            guard let owner = slot.owner, let from = self.rowOfMember[owner.member], slot.isReady, !slot.isMoving,
                let to = slot.pin.flatMap({ self.rowOfMember[$0] }), to != from, self.rows[to].isOpen,
                self.rows[to].hasRoom, !self.rows[from].member.isDraining
            else { continue }
            self.move(slot, from: from, to: to, slotsOf)
            moving += 1
            moves.append(self.release(slot, from: from, to: to))
        }
        return moves
    }

    // MARK: Balance

    /// Moves slots from the fullest to the emptiest while that makes them more alike.
    mutating func balance(_ moving: inout Int, _ bounds: SlotPlan.Bounds, _ slotsOf: SlotsOf) -> [Move] {
        guard moving < bounds.mostMoves else { return [] }
        let open = self.rows.indices.filter { self.rows[$0].isOpen }
        var sources = BinaryHeap(open.map { self.source($0) })
        var targets = BinaryHeap(open.filter { self.rows[$0].hasRoom }.map { self.target($0) })
        var moves: [Move] = []
        while moving < bounds.mostMoves, let from = sources.first, let to = targets.first {
            guard self.rows[from.row].count == from.count else {
                _ = sources.pop()
                continue
            }
            guard self.rows[to.row].count == to.count else {
                _ = targets.pop()
                continue
            }
            guard to.key < -from.key else { break }
            guard self.rows[to.row].nextTrueFill < self.rows[from.row].trueFill else {
                // The difference is not there: an operator's move has made it smaller already.
                _ = self.rows[to.row].evenCount < self.rows[to.row].count ? targets.pop() : sources.pop()
                continue
            }
            guard let slot = self.movable(from: from.row, to: to.row, slotsOf) else {
                // Nothing of it may move: the next fullest gives.
                _ = sources.pop()
                continue
            }
            self.move(slot, from: from.row, to: to.row, slotsOf)
            for row in [from.row, to.row] {
                sources.push(self.source(row))
                if self.rows[row].hasRoom { targets.push(self.target(row)) }
            }
            moving += 1
            moves.append(self.release(slot, from: from.row, to: to.row))
        }
        return moves
    }

    private func release(_ slot: Slot, from: Int, to: Int) -> Move {
        .release(slot.slot, from: self.rows[from].member.owner, for: self.rows[to].member.owner.member)
    }

    private static func mayMove(_ slot: Slot, of member: String) -> Bool {
        slot.isReady && !slot.isMoving && !slot.isHeld && slot.pin != member
    }

    /// The slot whose move spreads the buckets best, then the one that evens the load out best, then the last one.
    private mutating func movable(from: Int, to: Int, _ slotsOf: SlotsOf) -> Slot? {
        let wanted = (self.rows[from].load - self.rows[to].load) / 2
        var best: (slot: Slot, surplus: Int, distance: Double)?
        for slot in self.slots(from, slotsOf) where Self.mayMove(slot, of: self.rows[from].member.owner.member) {
            let surplus =
                self.count(ofBucket: slot.bucket, from, slotsOf) - self.count(ofBucket: slot.bucket, to, slotsOf)
            let distance = abs(slot.load - wanted)
            guard let known = best else {
                best = (slot, surplus, distance)
                continue
            }
            if (surplus, -distance, slot.slot) > (known.surplus, -known.distance, known.slot.slot) {
                best = (slot, surplus, distance)
            }
        }
        return best?.slot
    }

    /// The busiest member gives a busy slot to the quietest and gets a quiet one for it, when that helps much.
    mutating func trade(_ moving: inout Int, _ bounds: SlotPlan.Bounds, _ slotsOf: SlotsOf) -> [Move] {
        let open = self.rows.indices.filter { self.rows[$0].isOpen && !self.rows[$0].isOperated }
        guard moving + 2 <= bounds.mostMoves,
            let busiest = open.max(by: { self.rows[$0].relativeLoad < self.rows[$1].relativeLoad }),
            let quietest = open.min(by: { self.rows[$0].relativeLoad < self.rows[$1].relativeLoad }),
            self.rows[busiest].load - self.rows[quietest].load >= bounds.leastLoad
        else { return [] }
        let mean = open.reduce(0) { $0 + self.rows[$1].relativeLoad } / Double(open.count)
        guard self.rows[busiest].relativeLoad > mean * (1 + bounds.loadTolerance) else { return [] }
        let (rich, poor) = (Double(self.rows[busiest].member.capacity), Double(self.rows[quietest].member.capacity))
        // So much has to change hands for both to be equally busy.
        let wanted = (self.rows[busiest].load * poor - self.rows[quietest].load * rich) / (rich + poor)
        func mayMove(_ row: Int, _ slot: Slot) -> Bool { Self.mayMove(slot, of: self.rows[row].member.owner.member) }
        let quiet = self.slots(quietest, slotsOf).filter { mayMove(quietest, $0) }
            .min { ($0.load, $0.slot) < ($1.load, $1.slot) }
        let busy = self.slots(busiest, slotsOf).filter { mayMove(busiest, $0) }
        guard let back = quiet,
            let away = busy.min(by: {
                (abs($0.load - back.load - wanted), $0.slot) < (abs($1.load - back.load - wanted), $1.slot)
            })
        else { return [] }
        let traded = away.load - back.load
        let worst = max((self.rows[busiest].load - traded) / rich, (self.rows[quietest].load + traded) / poor)
        guard worst < self.rows[busiest].relativeLoad - mean * 0.1 else { return [] }
        moving += 2
        return [
            self.release(away, from: busiest, to: quietest), self.release(back, from: quietest, to: busiest),
        ]
    }
}
