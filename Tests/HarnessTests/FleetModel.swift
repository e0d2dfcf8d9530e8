import TestSupport

@testable import Harness

/// One wrong step that a fleet could make.
enum Sabotage: String, CaseIterable {
    case loseEvent, overtake, changeBytes, wrongLane, wrongGuild, claimAhead, claimTheUnsent, resumeAhead
    case noGap, gapInSomeLanes, gapTooLate, gapTooHigh, eventAfterGap, repeatForNothing, identifyTooSoon
    case identifyForNothing, inventEvent, inventSession, publishFiltered, wrongHeaders, ledgerLine

    /// The verdict that has to break.
    var verdict: String {
        switch self {
        case .loseEvent, .resumeAhead, .gapTooHigh: "loss"
        case .overtake, .repeatForNothing: "order"
        case .changeBytes, .wrongLane, .wrongGuild, .inventEvent, .inventSession, .publishFiltered: "content"
        case .claimAhead, .claimTheUnsent: "watermark"
        case .noGap, .gapInSomeLanes, .gapTooLate, .eventAfterGap: "sessions"
        case .identifyTooSoon: "identify spacing"
        case .identifyForNothing: "identify reasons"
        case .wrongHeaders, .ledgerLine: "records"
        }
    }
}

/// A sandbox, a broker, a fleet and a recorder that do right, by a seed, but for one sabotage. It knows no time: each
/// step is one of the many orders in which things may happen.
struct FleetModel {
    struct Event {
        let sequence: Int
        let name: String
        var guild: UInt64
        var data: String
    }

    struct Batch {
        var events: [Event]
        var isGap = false
    }

    /// What a lane was given.
    struct Delivery {
        let session: String
        let shard: Int
        let epoch: Int
        let batch: Batch
    }

    struct Slot {
        let shard: Int
        var session = ""
        /// What the sandbox numbered.
        var sent: [Event] = []
        /// What the process has received.
        var received = 0
        /// By lane: what waits, and what is on its way to the broker and not confirmed.
        var waiting: [[Event]]
        var flying: [Batch?]
        var epoch = 0
        /// Of this session, once or more often.
        var published: Set<Int> = []
        var isConnected = true
        var identifiedAt = -10_000
    }

    static let lanes = 4
    static let filtered = "TYPING_START"
    private static let names = ["MESSAGE_CREATE", "PRESENCE_UPDATE", "TYPING_START", "MESSAGE_UPDATE"]

    private(set) var history = LedgerHistory()
    private(set) var recording = Recording(lanes: Self.lanes)
    private(set) var hasSabotaged = false
    private let sabotage: Sabotage?
    private var random: SeededGenerator
    private var slots: [Slot]
    private var line = 0
    private var clock = 0
    private var sessions = 0
    /// What each lane was given, for the recorder's connection to give again.
    private var delivered: [[Delivery]]

    init(seed: UInt64, sabotage: Sabotage? = nil, slots: Int = 3, steps: Int = 250) {
        self.random = SeededGenerator(seed: seed)
        self.sabotage = sabotage
        self.slots = (0..<slots).map {
            Slot(
                shard: $0, waiting: Array(repeating: [], count: Self.lanes),
                flying: Array(repeating: nil, count: Self.lanes))
        }
        self.delivered = Array(repeating: [], count: Self.lanes)
        for slot in self.slots.indices { self.identify(slot) }
        for _ in 0..<steps { self.step() }
        self.rest()
    }

    var terms: CheckerTerms {
        var terms = CheckerTerms()
        terms.lanes = Self.lanes
        terms.filtered = [Self.filtered]
        terms.maxConcurrency = self.slots.count
        return terms
    }

    var verdicts: [Verdict] { Checker(history: self.history, recording: self.recording, terms: self.terms).verdicts() }

    // MARK: Chance

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &self.random) < percent }

    /// Whether now is the time for the wrong step.
    private mutating func sabotages(_ sabotage: Sabotage) -> Bool {
        guard self.sabotage == sabotage, !self.hasSabotaged, self.chance(30) else { return false }
        self.hasSabotaged = true
        return true
    }

    private mutating func step() {
        let slot = Int.random(in: 0..<self.slots.count, using: &self.random)
        self.clock += 100
        switch Int.random(in: 0..<100, using: &self.random) {
        case ..<45: self.dispatch(slot)
        case ..<75: self.publish(slot)
        case ..<84: self.confirm(slot)
        case ..<90: self.heartbeat(slot)
        case ..<93: self.changeConnection(slot)
        case ..<95: self.crash(slot)
        case ..<97: self.loseSession(slot)
        case ..<98: self.restartBroker()
        case ..<99: self.interruptRecorder()
        default: self.smallSabotage(slot)
        }
    }

    /// Everything that is on its way arrives.
    private mutating func rest() {
        for slot in self.slots.indices {
            if !self.slots[slot].isConnected { self.resume(slot, from: self.watermark(slot)) }
            for _ in 0..<10_000 where self.slots[slot].waiting.contains(where: { !$0.isEmpty }) {
                self.confirm(slot)
                self.publish(slot)
            }
            self.confirm(slot)
            self.heartbeat(slot)
        }
    }

    // MARK: The ledger

    private mutating func write(_ members: String) {
        self.line += 1
        if self.sabotages(.ledgerLine) { self.line += 1 }
        let text = "{\"at\":\(1_700_000_000_000 + self.clock),\"n\":\(self.line),\(members)}"
        do {
            self.history.add(try Array(text.utf8).withUnsafeBytes { try LedgerLine($0) })
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private mutating func identify(_ slot: Int) {
        let since = self.clock - self.slots[slot].identifiedAt
        if self.sabotages(.identifyTooSoon) {
            self.clock = max(self.clock, self.slots[slot].identifiedAt + 4_999)
            // Nothing to come too soon after.
            if since >= 4_999 { self.hasSabotaged = false }
        } else if since < 5_000 {
            self.clock += 5_000 - since
        }
        self.sessions += 1
        self.slots[slot].identifiedAt = self.clock
        self.slots[slot].session = "session\(self.sessions)"
        self.slots[slot].sent = []
        self.slots[slot].received = 0
        self.slots[slot].published = []
        self.slots[slot].isConnected = true
        self.slots[slot].epoch += 1
        let told = self.slots[slot]
        // READY is numbered before the IDENTIFY is told.
        self.send(slot, Event(sequence: 1, name: "READY", guild: 0, data: "{\"session_id\":\"\(told.session)\"}"))
        self.write(
            "\"kind\":\"identify\",\"conn\":1,\"app\":\"10\",\"shard\":\(slot),\"num_shards\":\(self.slots.count),"
                + "\"outcome\":\"ready\",\"session\":\"\(told.session)\",\"remaining\":\(900 - self.sessions)")
    }

    private mutating func dispatch(_ slot: Int) {
        let number = UInt64.random(in: 1..<9, using: &self.random) * UInt64(self.slots.count) + UInt64(slot)
        let name = Self.names[Int.random(in: 0..<Self.names.count, using: &self.random)]
        let data = "{\"id\":\"\(UInt64.random(in: 0..<1 << 40, using: &self.random))\",\"text\":\"a \\\"b\\\"\"}"
        self.send(
            slot, Event(sequence: self.slots[slot].sent.count + 1, name: name, guild: number << 22, data: data))
    }

    private mutating func send(_ slot: Int, _ event: Event) {
        let guild = event.guild == 0 ? "" : "\"g\":\"\(event.guild)\","
        let hash = String(FNV1a.hash(event.data), radix: 16)
        self.write(
            "\"kind\":\"dispatch\",\"session\":\"\(self.slots[slot].session)\",\"s\":\(event.sequence),"
                + "\"t\":\"\(event.name)\",\(guild)"
                + "\"h\":\"\(String(repeating: "0", count: 16 - hash.count))\(hash)\"")
        self.slots[slot].sent.append(event)
        if self.slots[slot].isConnected { self.receive(slot, event) }
    }

    // MARK: The process

    private mutating func receive(_ slot: Int, _ event: Event) {
        guard event.sequence > self.slots[slot].received else { return }
        self.slots[slot].received = event.sequence
        guard event.name != Self.filtered else { return }
        let lane = event.guild == 0 ? slot % Self.lanes : Int((event.guild >> 22) % UInt64(Self.lanes))
        self.slots[slot].waiting[lane].append(event)
    }

    private func watermark(_ slot: Int) -> Int {
        let open =
            self.slots[slot].waiting.compactMap(\.first?.sequence)
            + self.slots[slot].flying.compactMap { $0?.events.first?.sequence }
        return open.min().map { $0 - 1 } ?? self.slots[slot].received
    }

    private mutating func publish(_ slot: Int) {
        for lane in 0..<Self.lanes {
            guard self.slots[slot].flying[lane] == nil, let first = self.slots[slot].waiting[lane].first,
                self.chance(60)
            else { continue }
            // A repeat may come late, or not at all; and a session of which nothing else was heard goes without a word.
            let isNew = first.sequence > 1 && !self.slots[slot].published.contains(first.sequence)
            if isNew, first.sequence == self.watermark(slot) + 1, self.sabotages(.loseEvent) {
                self.slots[slot].waiting[lane].removeFirst()
                continue
            }
            if isNew, self.slots[slot].waiting[lane].count >= 2, self.sabotages(.overtake) {
                let second = self.slots[slot].waiting[lane][1]
                self.slots[slot].waiting[lane].removeFirst(2)
                for event in [second, first] { self.enqueue(Batch(events: [event]), slot, lane) }
                continue
            }
            let count = min(Int.random(in: 1...4, using: &self.random), self.slots[slot].waiting[lane].count)
            let batch = Batch(events: Array(self.slots[slot].waiting[lane].prefix(count)))
            self.slots[slot].waiting[lane].removeFirst(count)
            self.slots[slot].flying[lane] = batch
            self.enqueue(
                self.harmed(batch), slot,
                first.guild != 0 && self.sabotages(.wrongLane) ? (lane + 1) % Self.lanes : lane)
            // Broker and recorder have it; the confirm may come at any time.
            if self.chance(50) { self.slots[slot].flying[lane] = nil }
        }
    }

    private mutating func harmed(_ batch: Batch) -> Batch {
        var batch = batch
        if self.sabotages(.changeBytes) { batch.events[0].data += " " }
        if self.sabotages(.wrongGuild) { batch.events[0].guild += 1 << 40 }
        return batch
    }

    private mutating func confirm(_ slot: Int) {
        for lane in 0..<Self.lanes { self.slots[slot].flying[lane] = nil }
    }

    private mutating func heartbeat(_ slot: Int) {
        var number = self.watermark(slot)
        let last = self.slots[slot].sent.count
        // Another event of the same lane has to come in between for it to show.
        if let lane = self.slots[slot].waiting.firstIndex(where: { $0.first?.guild ?? 0 != 0 }),
            let first = self.slots[slot].waiting[lane].first,
            !self.slots[slot].published.contains(first.sequence), self.sabotages(.claimAhead)
        {
            number = first.sequence
            self.claim(slot, number)
            self.overtakeFromAnotherSlot(than: slot, in: lane)
            return
        }
        if self.sabotages(.claimTheUnsent) { number = last + 1 }
        self.claim(slot, number)
    }

    private mutating func claim(_ slot: Int, _ number: Int) {
        self.write(
            "\"kind\":\"heartbeat\",\"conn\":1,\"session\":\"\(self.slots[slot].session)\",\"seq\":\(number)")
    }

    /// An event of another slot is sent, published and confirmed in this lane.
    private mutating func overtakeFromAnotherSlot(than slot: Int, in lane: Int) {
        let other = (slot + 1) % self.slots.count
        if !self.slots[other].isConnected { self.changeConnection(other) }
        self.slots[other].flying[lane] = nil
        for _ in 0..<100 {
            let before = self.slots[other].waiting[lane].count
            self.dispatch(other)
            guard self.slots[other].waiting[lane].count > before else { continue }
            let batch = Batch(events: self.slots[other].waiting[lane])
            self.slots[other].waiting[lane] = []
            self.enqueue(batch, other, lane)
            return
        }
        self.hasSabotaged = false
    }

    // MARK: Faults

    private mutating func changeConnection(_ slot: Int) {
        if self.slots[slot].isConnected {
            self.slots[slot].isConnected = false
        } else {
            self.resume(slot, from: self.watermark(slot))
        }
    }

    /// What the process has received before is not taken again.
    private mutating func resume(_ slot: Int, from number: Int) {
        let told = self.slots[slot]
        self.write(
            "\"kind\":\"resume\",\"conn\":1,\"session\":\"\(told.session)\",\"seq\":\(number),"
                + "\"outcome\":\"resumed\",\"replayed\":\(told.sent.count - number)")
        self.slots[slot].isConnected = true
        for event in told.sent { self.receive(slot, event) }
        self.send(slot, Event(sequence: told.sent.count + 1, name: "RESUMED", guild: 0, data: "{}"))
    }

    /// Another process takes the slot over.
    private mutating func crash(_ slot: Int) {
        let last = self.slots[slot].received
        var number = self.watermark(slot)
        if self.slots[slot].waiting.contains(where: { !$0.isEmpty }), self.sabotages(.resumeAhead) { number = last }
        self.slots[slot].waiting = Array(repeating: [], count: Self.lanes)
        self.slots[slot].flying = Array(repeating: nil, count: Self.lanes)
        self.slots[slot].epoch += 1
        self.slots[slot].received = number
        self.resume(slot, from: number)
    }

    private mutating func loseSession(_ slot: Int) {
        // A session of which nobody heard anything may go without a word.
        let isHeard = !self.slots[slot].published.isEmpty
        let isUnknown = self.chance(20) && !self.hasSabotaged
        if isHeard, !isUnknown, self.sabotages(.identifyForNothing) {
            self.claim(slot, self.watermark(slot))
        } else if !isUnknown {
            self.write(
                "\"kind\":\"session_ended\",\"session\":\"\(self.slots[slot].session)\",\"reason\":\"invalidated\"")
        }
        let after = isUnknown ? 0 : self.watermark(slot)
        let lost = self.slots[slot]
        // Some processes publish what they have of it, and some died with it.
        let publishes = self.chance(50)
        var spare: (Int, Event)?
        for lane in 0..<Self.lanes {
            if publishes, !lost.waiting[lane].isEmpty {
                self.enqueue(Batch(events: lost.waiting[lane]), slot, lane)
            } else if let event = lost.waiting[lane].first, !lost.published.contains(event.sequence) {
                spare = (lane, event)
            }
        }
        self.slots[slot].waiting = Array(repeating: [], count: Self.lanes)
        self.slots[slot].flying = Array(repeating: nil, count: Self.lanes)
        let isMissing = isHeard && self.sabotages(.noGap)
        let isLate = !isMissing && self.sabotages(.gapTooLate)
        let isPartial = isHeard && !isMissing && !isLate && self.sabotages(.gapInSomeLanes)
        // An event that is lost, so that the wrong number shows.
        let isTooHigh =
            isHeard && !isUnknown && spare != nil && !isMissing && !isLate && !isPartial && self.sabotages(.gapTooHigh)
        let number = isTooHigh ? spare?.1.sequence ?? after : after
        var old = self.slots[slot]
        if isUnknown {
            // Its process died before it could tell anybody; the next owner only knows that there may have been one.
            self.slots[slot].epoch += 1
            old.epoch += 1
            old.session = "unknown.\(old.epoch)"
        }
        if !isMissing, !isLate {
            for lane in 0..<(isPartial ? Self.lanes - 1 : Self.lanes) { self.enqueueGap(old, after: number, lane) }
            if let (lane, event) = spare, self.sabotages(.eventAfterGap) {
                self.enqueue(Batch(events: [event]), slot, lane)
            }
        }
        self.identify(slot)
        if isLate {
            self.publish(slot)
            self.confirm(slot)
            for lane in 0..<Self.lanes {
                self.enqueue(Batch(events: self.slots[slot].waiting[lane]), slot, lane)
                self.slots[slot].waiting[lane] = []
                self.enqueueGap(old, after: number, lane)
            }
        }
    }

    private mutating func restartBroker() {
        self.recording.interrupt(at: 0)
        for slot in self.slots.indices {
            for lane in 0..<Self.lanes {
                // Its confirm was lost, so it goes again.
                if let batch = self.slots[slot].flying[lane] { self.enqueue(batch, slot, lane) }
            }
        }
    }

    private mutating func interruptRecorder() {
        self.recording.interrupt(at: 0)
        for lane in 0..<Self.lanes {
            let count = Int.random(in: 0...3, using: &self.random)
            for delivery in self.delivered[lane].suffix(count) { self.record(delivery, lane, isRedelivered: true) }
        }
    }

    private mutating func smallSabotage(_ slot: Int) {
        let lane = Int.random(in: 0..<Self.lanes, using: &self.random)
        guard let last = self.delivered[lane].last(where: { !$0.batch.isGap }), let event = last.batch.events.first,
            let told = self.slots.first(where: { $0.session == last.session })
        else { return }
        func delivery(_ event: Event, session: String) -> Delivery {
            Delivery(session: session, shard: last.shard, epoch: last.epoch, batch: Batch(events: [event]))
        }
        if self.sabotages(.repeatForNothing) {
            // More often than anything that happened could explain.
            for _ in 0..<50 { self.record(last, lane) }
        } else if let event = told.sent.first(where: { $0.name == Self.filtered }), self.sabotages(.publishFiltered) {
            self.record(delivery(event, session: last.session), lane)
        } else if self.sabotages(.inventEvent) {
            let invented = Event(sequence: told.sent.count + 5, name: event.name, guild: event.guild, data: event.data)
            self.record(delivery(invented, session: last.session), lane)
        } else if self.sabotages(.inventSession) {
            self.record(delivery(event, session: "nobody's"), lane)
        }
    }

    // MARK: The broker and the recorder

    private mutating func enqueue(_ batch: Batch, _ slot: Int, _ lane: Int) {
        guard !batch.events.isEmpty else { return }
        let told = self.slots[slot]
        self.slots[slot].published.formUnion(batch.events.map(\.sequence))
        self.deliver(
            Delivery(session: told.session, shard: told.shard, epoch: told.epoch, batch: batch), lane)
    }

    private mutating func enqueueGap(_ slot: Slot, after: Int, _ lane: Int) {
        let data = "{\"application\":\"10\",\"session\":\"\(slot.session)\",\"after\":\(after),\"reason\":\"lost\"}"
        let batch = Batch(events: [Event(sequence: after, name: "FLOTILLA_GAP", guild: 0, data: data)], isGap: true)
        self.deliver(Delivery(session: slot.session, shard: slot.shard, epoch: slot.epoch, batch: batch), lane)
    }

    private mutating func deliver(_ delivery: Delivery, _ lane: Int) {
        self.delivered[lane].append(delivery)
        self.record(delivery, lane)
    }

    private mutating func record(_ delivery: Delivery, _ lane: Int, isRedelivered: Bool = false) {
        let events = delivery.batch.events
        var body = ""
        for event in events {
            let guild = event.guild == 0 ? "" : "\"g\":\"\(event.guild)\","
            body += "{\"s\":\(event.sequence),\"t\":\"\(event.name)\",\(guild)\"at\":1,\"d\":\(event.data)}\n"
        }
        let count = events.count + (self.sabotages(.wrongHeaders) ? 1 : 0)
        let headers = MessageHeaders(
            session: delivery.session, epoch: Int64(delivery.epoch), application: "10", generation: 1,
            shard: Int64(delivery.shard), numShards: Int64(self.slots.count),
            firstSequence: Int64(events.first?.sequence ?? 0), lastSequence: Int64(events.last?.sequence ?? 0),
            count: Int64(count))
        Array(body.utf8).withUnsafeBytes {
            self.recording.record(queue: lane, headers: headers, isRedelivered: isRedelivered, at: 1, body: $0)
        }
    }
}
