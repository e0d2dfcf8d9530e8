/// Which master serves which hash slot, from the reply to CLUSTER SLOTS.
struct ClusterSlotMap: Equatable {
    typealias Endpoint = RedisConfiguration.Endpoint

    /// More masters than this are no cluster.
    private static let maximumNodes = 1_000

    private(set) var masters: [Endpoint] = []
    /// For each slot an index of `masters`, or -1.
    private var owners = [Int16](repeating: -1, count: HashSlot.count)

    /// `asked` stands for a node that names no host of its own.
    init(reply: RESPValue, asked: Endpoint) throws(RedisError) {
        guard let ranges = reply.array else { throw Self.violation("no array") }
        for range in ranges {
            guard let parts = range.array, parts.count >= 3, let first = parts[0].integer, let last = parts[1].integer,
                first >= 0, first <= last, last < Int64(HashSlot.count), let node = parts[2].array, node.count >= 2,
                let port = node[1].integer, (1...65_535).contains(port)
            else { throw Self.violation("a broken range") }
            let name = node[0].string ?? ""
            // Redis 7 writes "?" for a preferred host name that is not known.
            let host = name.isEmpty || name == "?" ? asked.host : name
            let owner = try self.index(of: Endpoint(host: host, port: Int(port)))
            for slot in Int(first)...Int(last) { self.owners[slot] = owner }
        }
        guard !self.masters.isEmpty else {
            throw RedisError(.clusterUnavailable, "no hash slot is served by any node")
        }
    }

    func owner(of slot: Int) -> Endpoint? {
        let owner = self.owners[slot]
        return owner < 0 ? nil : self.masters[Int(owner)]
    }

    /// A redirection told a new owner.
    mutating func move(_ slot: Int, to endpoint: Endpoint) throws(RedisError) {
        self.owners[slot] = try self.index(of: endpoint)
    }

    private mutating func index(of endpoint: Endpoint) throws(RedisError) -> Int16 {
        if let index = self.masters.firstIndex(of: endpoint) { return Int16(index) }
        guard self.masters.count < Self.maximumNodes else { throw Self.violation("too many nodes") }
        self.masters.append(endpoint)
        return Int16(self.masters.count - 1)
    }

    private static func violation(_ text: String) -> RedisError {
        RedisError(.protocolViolation, "CLUSTER SLOTS: \(text)", delivery: .answered)
    }
}
