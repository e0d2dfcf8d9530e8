import DequeModule

/// Which guilds' members are still to be asked for at the gateway, a few at a time: other requests want their turn.
struct CacheMemberRequests {
    typealias Instant = ContinuousClock.Instant

    static let mostUnderWay = 2
    static let pause: Duration = .seconds(60)

    private var wanted: Deque<UInt64> = []
    /// In `wanted`, or asked for.
    private var known: Set<UInt64> = []
    private var underWay: Set<UInt64> = []
    private var notBefore: Instant?

    /// Whether a guild waits to be asked for.
    var isWaiting: Bool { !self.wanted.isEmpty }

    mutating func want(_ guild: UInt64) {
        guard self.known.insert(guild).inserted else { return }
        self.wanted.append(guild)
    }

    /// The guild to ask for now.
    mutating func next(now: Instant) -> UInt64? {
        if let notBefore, notBefore > now { return nil }
        guard self.underWay.count < Self.mostUnderWay, let guild = self.wanted.popFirst() else { return nil }
        self.underWay.insert(guild)
        return guild
    }

    mutating func answered(_ guild: UInt64) {
        self.underWay.remove(guild)
        self.known.remove(guild)
    }

    /// It goes to the end of the line, which pauses.
    mutating func failed(_ guild: UInt64, now: Instant) {
        guard self.underWay.remove(guild) != nil else { return }
        self.wanted.append(guild)
        self.notBefore = now + Self.pause
    }

    mutating func forget(_ guild: UInt64) {
        guard self.known.remove(guild) != nil else { return }
        self.wanted.removeAll { $0 == guild }
        self.underWay.remove(guild)
    }
}
