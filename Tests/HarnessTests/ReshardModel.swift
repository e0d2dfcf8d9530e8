import TestSupport

@testable import Harness

/// One wrong step of a reshard.
enum ReshardSabotage: String, CaseIterable {
    case loseInOverlap, loseBefore, loseAfter, leaveTooEarly, joinTooLate, loseRepeat, loseOwn, publishTooLate, overtake
    case changeBytes, claimTheLost, identifyTooSoon, oneIdentifyMore, touchReserve

    /// The verdict that has to break.
    var verdict: String {
        switch self {
        case .loseInOverlap, .loseBefore, .loseAfter, .leaveTooEarly, .joinTooLate, .loseRepeat, .loseOwn: "loss"
        case .publishTooLate: "doubles"
        case .overtake: "order"
        case .changeBytes: "content"
        case .claimTheLost: "watermark"
        case .identifyTooSoon: "identify spacing"
        case .oneIdentifyMore: "identify counts"
        case .touchReserve: "session start reserve"
        }
    }
}

/// A sandbox and a fleet that goes from 2 shards to 4, lane by lane, and does right but for one sabotage.
struct ReshardModel {
    static let lanes = 4
    private static let counts = [2, 4]
    private static let guilds = 1...16
    /// Steps: the new sessions begin, the first lane joins, lanes follow each other, both publish a lane.
    private static let begins = 60
    private static let joins = 120
    private static let pace = 25
    private static let overlap = 15

    private struct Event {
        let sequence: Int
        let name: String
        let guild: Int
        var data: String
    }

    private struct Session {
        let generation: Int
        let shard: Int
        let id: String
        var sent = 0
        /// By lane, what it has and has not published.
        var waiting: [[Event]] = Array(repeating: [], count: ReshardModel.lanes)
    }

    private(set) var history = LedgerHistory()
    private(set) var recording = Recording(lanes: Self.lanes)
    private(set) var hasSabotaged = false
    private let sabotage: ReshardSabotage?
    private var random: SeededGenerator
    private var sessions: [Session] = []
    private var line = 0
    private var clock: Int64 = 0
    private var now = 0
    private var remaining = 206
    private var lastTyping: (guild: Int, data: String)?

    init(seed: UInt64, sabotage: ReshardSabotage? = nil) {
        self.random = SeededGenerator(seed: seed)
        self.sabotage = sabotage
        for shard in 0..<Self.counts[0] { self.identify(generation: 0, shard: shard) }
        let begins = sabotage == .identifyTooSoon ? Self.begins - 20 : Self.begins
        if sabotage == .identifyTooSoon { self.hasSabotaged = true }
        if sabotage == .leaveTooEarly || sabotage == .joinTooLate { self.hasSabotaged = true }
        for step in 0..<Self.joins + Self.pace * Self.lanes + 60 {
            self.now = step
            self.clock += 100
            if step == begins {
                for shard in 0..<Self.counts[1] { self.identify(generation: 1, shard: shard) }
                if sabotage == .oneIdentifyMore {
                    self.hasSabotaged = true
                    self.tell(
                        "\"kind\":\"identify\",\"conn\":1,\"app\":\"10\",\"shard\":3,\"num_shards\":4,"
                            + "\"outcome\":\"invalid_session\"")
                }
            }
            self.dispatch()
            if step > 0, step % 40 == 0 { self.sendOwn() }
            for session in self.sessions.indices { self.publish(session) }
        }
        for session in self.sessions.indices { self.publish(session, all: true) }
        for session in self.sessions {
            self.tell("\"kind\":\"heartbeat\",\"conn\":1,\"session\":\"\(session.id)\",\"seq\":\(session.sent)")
        }
    }

    var terms: CheckerTerms {
        var terms = CheckerTerms()
        terms.lanes = Self.lanes
        terms.maxConcurrency = 4
        terms.identifyWindows = [
            .init(name: "reshard", from: 1_700_000_001_000, to: .max, expected: 4...4),
            .init(name: "new shards", from: 0, to: .max, expected: 4...4, numShards: 4),
        ]
        return terms
    }

    var verdicts: [Verdict] { Checker(history: self.history, recording: self.recording, terms: self.terms).verdicts() }

    // MARK: The sandbox

    private mutating func tell(_ members: String) {
        self.line += 1
        let text = "{\"at\":\(1_700_000_000_000 + self.clock),\"n\":\(self.line),\(members)}"
        do {
            self.history.add(try Array(text.utf8).withUnsafeBytes { try LedgerLine($0) })
        } catch {
            preconditionFailure("\(error)")
        }
    }

    private mutating func identify(generation: Int, shard: Int) {
        self.remaining -= 1
        if self.sabotage == .touchReserve, generation == 1, shard == 3 {
            self.remaining = 199
            self.hasSabotaged = true
        }
        let session = Session(generation: generation, shard: shard, id: "g\(generation)s\(shard)")
        self.sessions.append(session)
        let index = self.sessions.count - 1
        self.send(index, "READY", guild: 0, data: "{\"session_id\":\"\(session.id)\"}")
        self.tell(
            "\"kind\":\"identify\",\"conn\":1,\"app\":\"10\",\"shard\":\(shard),"
                + "\"num_shards\":\(Self.counts[generation]),\"outcome\":\"ready\",\"session\":\"\(session.id)\","
                + "\"remaining\":\(self.remaining)")
        for guild in Self.guilds where guild % Self.counts[generation] == shard {
            self.send(index, "GUILD_CREATE", guild: guild, data: "{\"id\":\"\(guild)\",\"step\":\(self.now)}")
        }
    }

    private func hearers(of guild: Int) -> [Int] {
        self.sessions.indices.filter { guild % Self.counts[self.sessions[$0].generation] == self.sessions[$0].shard }
    }

    /// Something happens, and every session that hears the guild is sent it.
    private mutating func dispatch() {
        var guild = Int.random(in: Self.guilds, using: &self.random)
        var data = "{\"id\":\"\(UInt64.random(in: 0..<1 << 40, using: &self.random))\"}"
        // The same again, which is another event.
        if let last = self.lastTyping, Int.random(in: 0..<4, using: &self.random) == 0 { (guild, data) = last }
        let isRepeat = self.lastTyping?.data == data
        self.lastTyping = (guild, data)
        let isLost = self.losesNow(guild, isRepeat: isRepeat)
        var hearers = self.hearers(of: guild)
        if Bool.random(using: &self.random) { hearers.reverse() }
        for session in hearers { self.send(session, "MESSAGE_CREATE", guild: guild, data: data, isLost: isLost) }
    }

    /// Whether nobody will publish it.
    private mutating func losesNow(_ guild: Int, isRepeat: Bool) -> Bool {
        let lane = guild % Self.lanes
        let isRight =
            switch self.sabotage {
            case .loseInOverlap: self.publishes(0, lane) && self.publishes(1, lane)
            case .loseBefore: self.now == 30
            case .loseAfter: !self.publishes(0, lane) && self.now > Self.joins
            case .loseRepeat, .claimTheLost: isRepeat && self.now > 20
            default: false
            }
        guard isRight, !self.hasSabotaged else { return false }
        self.hasSabotaged = true
        return true
    }

    /// What one session is sent for its own sake.
    private mutating func sendOwn() {
        let session = self.now % self.sessions.count
        let guild = Self.guilds.first { self.hearers(of: $0).contains(session) } ?? 1
        let isLost =
            self.sabotage == .loseOwn && !self.hasSabotaged && self.sessions[session].generation == 0 && self.now < 60
        if isLost { self.hasSabotaged = true }
        self.send(
            session, "GUILD_CREATE", guild: guild, data: "{\"own\":\(self.now),\"of\":\(session)}", isLost: isLost)
    }

    private mutating func send(_ index: Int, _ name: String, guild: Int, data: String, isLost: Bool = false) {
        self.sessions[index].sent += 1
        let session = self.sessions[index]
        let hash = String(FNV1a.hash(data), radix: 16)
        let member = guild == 0 ? "" : "\"g\":\"\(guild << 22)\","
        self.tell(
            "\"kind\":\"dispatch\",\"session\":\"\(session.id)\",\"s\":\(session.sent),\"t\":\"\(name)\",\(member)"
                + "\"h\":\"\(String(repeating: "0", count: 16 - hash.count))\(hash)\"")
        let lane = guild == 0 ? session.shard % Self.lanes : guild % Self.lanes
        guard !isLost, self.publishes(session.generation, lane) || self.isBadJoin(session, lane) else { return }
        self.sessions[index].waiting[lane].append(
            Event(sequence: session.sent, name: name, guild: guild, data: data))
    }

    // MARK: The fleet

    /// Whether a generation publishes what it is sent now.
    private func publishes(_ generation: Int, _ lane: Int) -> Bool {
        let joined = Self.joins + Self.pace * lane
        let left = joined + Self.overlap
        if generation == 1 { return self.now >= (self.sabotage == .joinTooLate ? left + 10 : joined) }
        return self.now < (self.sabotage == .leaveTooEarly ? joined - 10 : left)
    }

    private func isBadJoin(_ session: Session, _ lane: Int) -> Bool {
        self.sabotage == .publishTooLate && session.generation == 0 && self.now > Self.joins + Self.pace * Self.lanes
    }

    private mutating func publish(_ index: Int, all: Bool = false) {
        for lane in 0..<Self.lanes {
            var events = self.sessions[index].waiting[lane]
            guard !events.isEmpty, all || Bool.random(using: &self.random) else { continue }
            self.sessions[index].waiting[lane] = []
            let isOver = self.now > Self.joins
            if events.count > 1, isOver, self.sabotage == .overtake, !self.hasSabotaged {
                self.hasSabotaged = true
                // In two messages, for one can't hold them in this order.
                self.record(index, [events[1]], lane)
                events.remove(at: 1)
            }
            if isOver, self.sabotage == .changeBytes, !self.hasSabotaged {
                self.hasSabotaged = true
                events[0].data += " "
            }
            self.record(index, events, lane)
        }
    }

    private mutating func record(_ index: Int, _ events: [Event], _ lane: Int) {
        let session = self.sessions[index]
        var body = ""
        for event in events {
            let guild = event.guild == 0 ? "" : "\"g\":\"\(event.guild << 22)\","
            body += "{\"s\":\(event.sequence),\"t\":\"\(event.name)\",\(guild)\"at\":1,\"d\":\(event.data)}\n"
        }
        let headers = MessageHeaders(
            session: session.id, epoch: 1, application: "10", generation: Int64(session.generation + 1),
            shard: Int64(session.shard), numShards: Int64(Self.counts[session.generation]),
            firstSequence: Int64(events.first?.sequence ?? 0), lastSequence: Int64(events.last?.sequence ?? 0),
            count: Int64(events.count))
        var at = self.clock
        if self.isBadJoin(session, lane) {
            self.hasSabotaged = true
            at += 3_600_000
        }
        Array(body.utf8).withUnsafeBytes {
            self.recording.record(queue: lane, headers: headers, isRedelivered: false, at: at, body: $0)
        }
    }
}
