/// What to do with one result of a cluster node.
enum ClusterVerdict: Equatable {
    case deliver
    /// MOVED: the slot has another owner.
    case moved(slot: Int, RedisConfiguration.Endpoint)
    /// ASK: this once, after ASKING.
    case ask(RedisConfiguration.Endpoint)
    /// TRYAGAIN, CLUSTERDOWN, LOADING, MASTERDOWN, or the node could not be reached: after a pause, with a new map.
    case later

    init(_ value: RESPValue, answeredBy node: RedisConfiguration.Endpoint) {
        guard let error = value.error else {
            self = .deliver
            return
        }
        switch (error.code, error.delivery) {
        case (.server("MOVED"), _):
            self = Self.target(error.message, node).map { .moved(slot: $0, $1) } ?? .deliver
        case (.server("ASK"), _):
            self = Self.target(error.message, node).map { .ask($1) } ?? .deliver
        case (.server("TRYAGAIN"), _), (.server("CLUSTERDOWN"), _), (.server("LOADING"), _), (.server("MASTERDOWN"), _),
            (.connectionLost, .notSent):
            self = .later
        default:
            self = .deliver
        }
    }

    /// "MOVED 3999 127.0.0.1:6381"; without a host the node's own.
    private static func target(
        _ line: String,
        _ node: RedisConfiguration.Endpoint
    ) -> (slot: Int, RedisConfiguration.Endpoint)? {
        let words = line.split(separator: " ")
        guard words.count >= 3, let slot = Int(words[1]), (0..<HashSlot.count).contains(slot),
            let colon = words[2].lastIndex(of: ":"), let port = Int(words[2][words[2].index(after: colon)...]),
            (1...65_535).contains(port)
        else { return nil }
        let host = words[2][..<colon]
        return (slot, RedisConfiguration.Endpoint(host: host.isEmpty ? node.host : String(host), port: port))
    }
}
