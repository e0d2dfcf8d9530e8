import Discord
import NIOCore

/// All sessions, found by id and by who should hear an event.
struct SessionTable: Sendable {
    private struct Listeners: Sendable {
        /// People's sessions, and those of bots for each shard.
        var people: Set<String> = []
        var byShard: [ShardID: Set<String>] = [:]
        /// How many sessions there are of each shard count.
        var counts: [Int: Int] = [:]
        var isEmpty: Bool { self.people.isEmpty && self.byShard.isEmpty }
    }

    private var sessions: [String: GatewaySession] = [:]
    private var listeners: [Snowflake: Listeners] = [:]

    subscript(id: String) -> GatewaySession? { self.sessions[id] }
    var count: Int { self.sessions.count }
    /// Users with at least one session.
    var users: [Snowflake] { Array(self.listeners.keys) }

    mutating func insert(_ session: GatewaySession) {
        self.sessions[session.id] = session
        if let shard = session.shard {
            self.listeners[session.userID, default: Listeners()].byShard[shard, default: []].insert(session.id)
            self.listeners[session.userID]?.counts[shard.count, default: 0] += 1
        } else {
            self.listeners[session.userID, default: Listeners()].people.insert(session.id)
        }
    }

    @discardableResult
    mutating func remove(_ id: String) -> GatewaySession? {
        guard let session = self.sessions.removeValue(forKey: id), var listeners = self.listeners[session.userID] else {
            return nil
        }
        if let shard = session.shard {
            listeners.byShard[shard]?.remove(id)
            if listeners.byShard[shard]?.isEmpty ?? false { listeners.byShard[shard] = nil }
            let count = (listeners.counts[shard.count] ?? 1) - 1
            listeners.counts[shard.count] = count == 0 ? nil : count
        } else {
            listeners.people.remove(id)
        }
        self.listeners[session.userID] = listeners.isEmpty ? nil : listeners
        return session
    }

    mutating func update(_ id: String, _ change: (inout GatewaySession) -> Void) {
        guard let index = self.sessions.index(forKey: id) else { return }
        change(&self.sessions.values[index])
    }

    /// Numbers an event in a session; `nil` when there is no such session.
    mutating func append(_ id: String, _ name: EventName, _ data: ByteBuffer) -> ByteBuffer? {
        guard let index = self.sessions.index(forKey: id) else { return nil }
        let entry = self.sessions.values[index].append(name, data)
        return self.sessions.values[index].frame(entry)
    }

    /// A user's sessions that hear an event of this guild; without a guild a bot hears it on shard 0.
    func sessions(of user: Snowflake, hearing guild: Snowflake?) -> [String] {
        guard let listeners = self.listeners[user] else { return [] }
        var found = Array(listeners.people)
        for count in listeners.counts.keys {
            let id = guild.map { ShardID.shard(for: $0, count: count) } ?? 0
            if let shard = ShardID(id: id, count: count), let ids = listeners.byShard[shard] { found += ids }
        }
        return found
    }

    func sessions(of user: Snowflake) -> [String] {
        guard let listeners = self.listeners[user] else { return [] }
        return Array(listeners.people) + listeners.byShard.values.flatMap { $0 }
    }

    /// Sessions whose client has been away since before that moment.
    func detached(before instant: ContinuousClock.Instant) -> [String] {
        self.sessions.values.filter { $0.detachedAt.map { $0 < instant } ?? false }.map(\.id)
    }
}
