import Discord
import Foundation

/// What the sandbox did, gathered from its ledger: sessions with what each was sent and what it claimed to have.
package struct LedgerHistory: Sendable {
    /// A shard of an application, as an IDENTIFY names it.
    package struct Slot: Sendable, Hashable, CustomStringConvertible {
        package let application: String
        package let shard: Int
        package let numShards: Int

        package var description: String { "shard \(self.shard)/\(self.numShards)" }
    }

    /// An event that a session was sent. 24 bytes, for there are millions.
    package struct Dispatch: Sendable {
        package let hash: UInt64
        package let line: UInt32
        /// In `guilds`, counted from 1; 0 without a guild.
        package let guild: UInt32
        /// In `names`.
        package let name: UInt16
    }

    /// A heartbeat or a RESUME: the client has everything up to this number.
    package struct Claim: Sendable {
        package let line: UInt32
        package let sequence: Int64
        package let isResume: Bool
    }

    package struct Resume: Sendable {
        package let line: UInt32
        /// Milliseconds since the Unix epoch.
        package let at: Int64
        package let sequence: Int64
        package let isAccepted: Bool
        package let outcome: String
    }

    /// A close by the sandbox with a code that forbids to go on.
    package struct Refusal: Sendable {
        package let line: UInt32
        /// Milliseconds since the Unix epoch.
        package let at: Int64
        package let code: Int
        package let session: Int
        /// The client has answered: it knows that it must not go on.
        package let isHeard: Bool
    }

    /// The sandbox was asked for a close with a code that forbids to go on.
    package struct PlannedRefusal: Sendable {
        package let line: UInt32
        package let code: Int
        /// Whose clients it met, and their connections.
        package let sessions: [Int]
        package let connections: [Int64]
        /// In `slots`: those that had a client then.
        package let connected: Set<Int>
        /// How the first of the connections ended: the reason as the ledger has it.
        package var end: String?
    }

    package struct End: Sendable {
        package let line: UInt32
        package let reason: String
    }

    package struct Session: Sendable {
        package let id: String
        /// In `slots`; nil for a person's session, or before its IDENTIFY is told.
        package var slot: Int?
        /// Which session of its slot, from 0.
        package var ordinal = 0
        package var identifyLine: UInt32 = 0
        /// `dispatches[s - 1]` has the number `s`.
        package var dispatches: [Dispatch] = []
        package var claims: [Claim] = []
        package var resumes: [Resume] = []
        package var end: End?
    }

    package struct Identify: Sendable {
        package let line: UInt32
        /// Milliseconds since the Unix epoch.
        package let at: Int64
        package let slot: Int
        package let outcome: String
        /// In `sessions`.
        package let session: Int?
        /// Session starts that were left then.
        package let remaining: Int?
    }

    package private(set) var sessions: [Session] = []
    package private(set) var slots = InternedTable<Slot>()
    package private(set) var slotSessions: [[Int]] = []
    package private(set) var identifies: [Identify] = []
    package private(set) var names = InternedTable<String>()
    package private(set) var guilds = InternedTable<UInt64>()
    /// How many sessions or guilds each fault met, by the sandbox's number of it.
    package private(set) var faults: [Int64: Int] = [:]
    package private(set) var refusals: [Refusal] = []
    package private(set) var plannedRefusals: [PlannedRefusal] = []
    /// The session that each connection has now.
    private var attached: [Int64: Int] = [:]
    package private(set) var eventCount = 0
    /// What makes this ledger unfit to be checked against: lines that are missing or contradict each other.
    package private(set) var defects: [String] = []
    private var indices: [String: Int] = [:]
    /// The time of a line in each second or so.
    private var times: [(line: UInt32, at: Int64)] = []
    private var lastNumber: Int64 = 0

    package init() {}

    /// When a line was written, in milliseconds since the Unix epoch, to a quarter of a second.
    package func time(of line: UInt32) -> Int64 {
        let next = self.times.partitioningIndex { $0.line > line }
        return next > 0 ? self.times[next - 1].at : 0
    }

    package func session(_ id: String) -> Int? { self.indices[id] }

    package mutating func add(_ line: LedgerLine) {
        guard let number = UInt32(exactly: line.number) else { return self.note("line number \(line.number)") }
        if line.number != self.lastNumber + 1 {
            self.note("line \(line.number) follows line \(self.lastNumber)")
        }
        self.lastNumber = line.number
        if line.at - (self.times.last?.at ?? 0) >= 250 { self.times.append((number, line.at)) }
        switch line.fact {
        case .identify(let identify): self.add(identify, number, at: line.at)
        case .resume(let resume):
            let session = self.index(of: resume.session)
            let isAccepted = resume.outcome == "resumed"
            if isAccepted { self.attach(session, to: resume.connection) }
            self.sessions[session].resumes.append(
                Resume(
                    line: number, at: line.at, sequence: resume.sequence, isAccepted: isAccepted,
                    outcome: resume.outcome))
            self.sessions[session].claims.append(Claim(line: number, sequence: resume.sequence, isResume: true))
        case .heartbeat(let id?, let sequence?):
            let session = self.index(of: id)
            self.sessions[session].claims.append(Claim(line: number, sequence: sequence, isResume: false))
        case .dispatch(let dispatch): self.add(dispatch, number)
        case .sessionEnded(let id, let reason):
            let session = self.index(of: id)
            self.detach(session)
            if self.sessions[session].end == nil { self.sessions[session].end = End(line: number, reason: reason) }
        case .fault(let text): self.addFault(text, number)
        case .disconnected(let disconnect):
            if let connection = disconnect.connection { self.close(connection, disconnect.reason) }
            guard let id = disconnect.session, let code = Self.refusalCode(disconnect.reason) else { break }
            self.refusals.append(
                Refusal(
                    line: number, at: line.at, code: code, session: self.index(of: id), isHeard: disconnect.isAnswered))
        case .dropped(let lines): self.note("the sandbox dropped \(lines) lines before line \(number)")
        case .heartbeat, .other: break
        }
    }

    /// 4004, 4010 to 4014.
    private static func forbids(_ code: UInt16) -> Bool { GatewayCloseCode(rawValue: code).nextStep == .stop }

    private static func refusalCode(_ reason: String) -> Int? {
        guard reason.hasPrefix("server:"), let code = UInt16(reason.dropFirst(7)), Self.forbids(code) else {
            return nil
        }
        return Int(code)
    }

    // MARK: Connections

    private mutating func attach(_ session: Int, to connection: Int64?) {
        // The session's last client, if it still has one, has lost it.
        self.detach(session)
        if let connection { self.attached[connection] = session }
    }

    private mutating func detach(_ session: Int) {
        for (connection, other) in self.attached where other == session { self.attached[connection] = nil }
    }

    private mutating func close(_ connection: Int64, _ reason: String) {
        self.attached[connection] = nil
        for index in self.plannedRefusals.indices
        where self.plannedRefusals[index].connections.first == connection && self.plannedRefusals[index].end == nil {
            self.plannedRefusals[index].end = reason
        }
    }

    /// Faults after which a session has no client, though its connection may end later.
    private static let parting: Set<String> = ["close", "drop", "evict", "op9"]

    private mutating func addFault(_ text: String, _ number: UInt32) {
        guard let fault = FaultFact(text) else { return }
        if let id = fault.id { self.faults[id, default: 0] += fault.met }
        // What has no such members meets no session.
        guard let ids = fault.sessions, let connections = fault.conns else { return }
        let sessions = ids.map { self.index(of: $0) }
        if fault.fault == "close", let code = fault.code, Self.forbids(code) {
            self.plannedRefusals.append(
                PlannedRefusal(
                    line: number, code: Int(code), sessions: sessions, connections: connections,
                    connected: Set(self.attached.values.compactMap { self.sessions[$0].slot })))
        }
        if Self.parting.contains(fault.fault) {
            for session in sessions { self.detach(session) }
        }
    }

    private mutating func add(_ identify: LedgerLine.Identify, _ number: UInt32, at: Int64) {
        guard let shard = identify.shard, let numShards = identify.numShards else { return }
        let slot = self.slots.index(
            of: Slot(application: identify.application, shard: shard, numShards: numShards))
        if slot == self.slotSessions.count { self.slotSessions.append([]) }
        var session: Int?
        if let id = identify.session, identify.outcome == "ready" {
            let index = self.index(of: id)
            session = index
            if self.sessions[index].slot != nil { self.note("session \(id) was begun twice") }
            self.attach(index, to: identify.connection)
            self.sessions[index].slot = slot
            self.sessions[index].ordinal = self.slotSessions[slot].count
            self.sessions[index].identifyLine = number
            self.slotSessions[slot].append(index)
        }
        self.identifies.append(
            Identify(
                line: number, at: at, slot: slot, outcome: identify.outcome, session: session,
                remaining: identify.remaining))
    }

    private mutating func add(_ dispatch: LedgerLine.Dispatch, _ number: UInt32) {
        let session = self.index(of: dispatch.session)
        let expected = Int64(self.sessions[session].dispatches.count + 1)
        guard dispatch.sequence == expected else {
            return self.note("session \(dispatch.session): number \(dispatch.sequence) instead of \(expected)")
        }
        self.eventCount += 1
        self.sessions[session].dispatches.append(
            Dispatch(
                hash: dispatch.hash, line: number,
                guild: dispatch.guild.map { UInt32(self.guilds.index(of: $0) + 1) } ?? 0,
                name: UInt16(clamping: self.names.index(of: dispatch.name))))
    }

    private mutating func index(of id: String) -> Int {
        if let index = self.indices[id] { return index }
        self.indices[id] = self.sessions.count
        self.sessions.append(Session(id: id))
        return self.sessions.count - 1
    }

    private mutating func note(_ defect: String) {
        if self.defects.count < 20 { self.defects.append(defect) }
    }
}

extension LedgerHistory {
    package func guild(of dispatch: Dispatch) -> UInt64? {
        dispatch.guild == 0 ? nil : self.guilds.values[Int(dispatch.guild) - 1]
    }

    package func name(of dispatch: Dispatch) -> String { self.names.values[Int(dispatch.name)] }
}

extension Array {
    /// The first index whose element and all after it satisfy `condition`.
    func partitioningIndex(where condition: (Element) -> Bool) -> Int {
        var low = 0
        var high = self.count
        while low < high {
            let middle = (low + high) / 2
            if condition(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
