import Discord
import NIOCore

/// All sessions, found by id and by who should hear an event.
struct SessionTable: Sendable {
    private struct Listeners: Sendable {
        /// People's sessions, and those of bots for each shard.
        var people: [GatewaySession.Hearer] = []
        var byShard: [ShardID: [GatewaySession.Hearer]] = [:]
        /// How many sessions there are of each shard count.
        var counts: [Int: Int] = [:]
        var isEmpty: Bool { self.people.isEmpty && self.byShard.isEmpty }
    }

    private var sessions: [String: GatewaySession] = [:]
    private var listeners: [Snowflake: Listeners] = [:]

    subscript(id: String) -> GatewaySession? { self.sessions[id] }
    var count: Int { self.sessions.count }
    var ids: [String] { Array(self.sessions.keys) }
    var all: [GatewaySession] { Array(self.sessions.values) }
    /// Users with at least one session, in the order in which they came.
    private(set) var users: [Snowflake] = []

    mutating func insert(_ session: GatewaySession) {
        self.sessions[session.id] = session
        if self.listeners[session.userID] == nil { self.users.append(session.userID) }
        if let shard = session.shard {
            self.listeners[session.userID, default: Listeners()].byShard[shard, default: []].append(
                session.hearer)
            self.listeners[session.userID]?.counts[shard.count, default: 0] += 1
        } else {
            self.listeners[session.userID, default: Listeners()].people.append(session.hearer)
        }
    }

    @discardableResult
    mutating func remove(_ id: String) -> GatewaySession? {
        guard let session = self.sessions.removeValue(forKey: id), var listeners = self.listeners[session.userID] else {
            return nil
        }
        if let shard = session.shard {
            listeners.byShard[shard]?.removeAll { $0.session == id }
            if listeners.byShard[shard]?.isEmpty ?? false { listeners.byShard[shard] = nil }
            let count = (listeners.counts[shard.count] ?? 1) - 1
            listeners.counts[shard.count] = count == 0 ? nil : count
        } else {
            listeners.people.removeAll { $0.session == id }
        }
        self.listeners[session.userID] = listeners.isEmpty ? nil : listeners
        if listeners.isEmpty { self.users.removeAll { $0 == session.userID } }
        return session
    }

    mutating func update(_ id: String, _ change: (inout GatewaySession) -> Void) {
        guard let index = self.sessions.index(forKey: id) else { return }
        change(&self.sessions.values[index])
    }

    /// Numbers an event in a session; `nil` when there is no such session.
    mutating func append(
        _ id: String, _ name: EventName, _ data: ByteBuffer
    ) -> (entry: GatewaySession.Entry, frame: ByteBuffer)? {
        guard let index = self.sessions.index(forKey: id) else { return nil }
        let entry = self.sessions.values[index].append(name, data)
        return (entry, self.sessions.values[index].frame(entry))
    }

    /// Those of a user's sessions to which an event of this guild goes, if they want it; without a guild a bot hears it
    /// on shard 0.
    func hearers(of user: Snowflake, guild: Snowflake?) -> [GatewaySession.Hearer] {
        guard let listeners = self.listeners[user] else { return [] }
        var found = listeners.people
        for count in listeners.counts.keys {
            let id = guild.map { ShardID.shard(for: $0, count: count) } ?? 0
            guard let shard = ShardID(id: id, count: count), let hearers = listeners.byShard[shard] else { continue }
            // Mostly there is one shard count and nobody else: nothing is copied then.
            if found.isEmpty { found = hearers } else { found += hearers }
        }
        return found
    }

    func hearer(_ id: String) -> GatewaySession.Hearer? {
        guard let index = self.sessions.index(forKey: id) else { return nil }
        return self.sessions.values[index].hearer
    }

    /// Whether the session was not told of the guild yet.
    func isPending(_ guild: Snowflake, in id: String) -> Bool {
        guard let index = self.sessions.index(forKey: id) else { return false }
        return self.sessions.values[index].pendingGuilds.contains(guild)
    }

    func sessions(of user: Snowflake) -> [String] {
        guard let listeners = self.listeners[user] else { return [] }
        return (listeners.people + listeners.byShard.values.joined()).map(\.session)
    }

    /// Sessions whose client has been away since before that moment.
    func detached(before instant: ContinuousClock.Instant) -> [String] {
        self.sessions.values.filter { $0.detachedAt.map { $0 < instant } ?? false }.map(\.id)
    }
}
