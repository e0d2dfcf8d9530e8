/// The way of one call from coordinator to coordinator. It knows no socket, task or clock.
struct CoordinatorCall: Sendable {
    /// One to a leader of the past, and one on to that of the present.
    static let mostRedirects = 2

    private var waiting: [CoordinatorURL]
    /// They can't take the call: they sent it on, or said that they don't lead.
    private var declined: Set<CoordinatorURL> = []
    private var redirects = 0

    init(_ order: [CoordinatorURL]) { self.waiting = order }

    /// Who is asked next; nil when nobody is left.
    mutating func next() -> CoordinatorURL? { self.waiting.isEmpty ? nil : self.waiting.removeFirst() }

    /// How long the one that is asked now may take: half of what is left above `hold` while others could be asked
    /// afterwards, else all of it. With 3 s left and three to ask: 1.5 s, 0.75 s, 0.75 s.
    ///
    /// - Parameter hold: how long it may hold its answer on purpose.
    func limit(left: Duration, hold: Duration) -> Duration {
        self.waiting.isEmpty || left <= hold ? left : hold + (left - hold) / 2
    }

    /// It answered that it does not lead, or that it can't serve now.
    mutating func declined(_ url: CoordinatorURL) { self.declined.insert(url) }

    enum RedirectAction: Equatable {
        case follow(CoordinatorURL)
        /// Whoever waits is asked instead.
        case refuse(reason: String)
    }

    /// One that does not lead named the leader.
    ///
    /// - Parameters:
    ///   - location: the answer's `Location`, as it came.
    ///   - path: what was asked for.
    mutating func redirected(by standby: CoordinatorURL, to location: String?, path: String) -> RedirectAction {
        self.declined.insert(standby)
        guard let location else { return .refuse(reason: "a redirect without a Location") }
        let leader: CoordinatorURL
        do {
            leader = try CoordinatorURL(location: location, path: path, from: standby)
        } catch {
            return .refuse(reason: "a redirect that is not followed: \(error)")
        }
        self.redirects += 1
        guard self.redirects <= Self.mostRedirects, !self.declined.contains(leader) else {
            return .refuse(reason: "a redirect in a circle, to \(leader)")
        }
        self.waiting.removeAll { $0 == leader }
        self.waiting.insert(leader, at: 0)
        return .follow(leader)
    }
}
