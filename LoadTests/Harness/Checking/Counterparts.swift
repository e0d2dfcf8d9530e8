/// Which dispatches are one and the same event. While an application is resharded, sessions of both shard counts are
/// sent everything: each event is in the ledger once for each, with the same bytes and one directly after the other.
struct Counterparts {
    struct Place: Hashable {
        let session: Int
        let sequence: Int
    }

    private struct Key: Hashable {
        let application: String
        let guild: UInt32
        let name: UInt16
        let hash: UInt64
    }

    private struct Open {
        let line: UInt32
        /// In `events`.
        let event: Int
        var sessions: [Int]
    }

    /// An event's dispatches are written in one go, a line for each session that hears it.
    private static let span: UInt32 = 64

    /// The dispatches of each event that was sent more than once.
    private(set) var events: [[Place]] = []
    private var indices: [Place: Int] = [:]

    /// nil: no application has sessions of more than one shard count.
    init?(_ history: LedgerHistory) {
        var counts: [String: Set<Int>] = [:]
        for (index, slot) in history.slots.values.enumerated() where !history.slotSessions[index].isEmpty {
            counts[slot.application, default: []].insert(slot.numShards)
        }
        let resharded = Set(counts.filter { $0.value.count > 1 }.keys)
        guard !resharded.isEmpty else { return nil }
        var lines: [(line: UInt32, place: Place)] = []
        for (index, session) in history.sessions.enumerated() {
            guard let slot = session.slot, resharded.contains(history.slots.values[slot].application) else { continue }
            for (offset, dispatch) in session.dispatches.enumerated() {
                lines.append((dispatch.line, Place(session: index, sequence: offset + 1)))
            }
        }
        lines.sort { $0.line < $1.line }
        self.match(lines, history)
    }

    private mutating func match(_ lines: [(line: UInt32, place: Place)], _ history: LedgerHistory) {
        var open: [Key: Open] = [:]
        var found: [[Place]] = []
        for (line, place) in lines {
            guard let number = history.sessions[place.session].slot else { continue }
            let slot = history.slots.values[number]
            let dispatch = history.sessions[place.session].dispatches[place.sequence - 1]
            let key = Key(
                application: slot.application, guild: dispatch.guild, name: dispatch.name, hash: dispatch.hash)
            // The same content may come again: a session hears an event once. A shard count may have several sessions
            // that hear it, such as one of a reshard that was called off.
            if var event = open[key], line - event.line <= Self.span, !event.sessions.contains(place.session) {
                event.sessions.append(place.session)
                open[key] = event
                found[event.event].append(place)
            } else {
                open[key] = Open(line: line, event: found.count, sessions: [place.session])
                found.append([place])
            }
        }
        for places in found where places.count > 1 {
            for place in places { self.indices[place] = self.events.count }
            self.events.append(places)
        }
    }

    /// In `events`; nil: only this session was sent it.
    func event(_ place: Place) -> Int? { self.indices[place] }

    /// What else was sent of the same event.
    func others(of place: Place) -> [Place] {
        self.indices[place].map { self.events[$0].filter { $0 != place } } ?? []
    }
}
