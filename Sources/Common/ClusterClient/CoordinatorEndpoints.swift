/// Which of several coordinators is asked first. It knows no socket, task or clock.
struct CoordinatorEndpoints: Sendable {
    let configured: [CoordinatorURL]
    /// The last that took a call. A standby may have named it: it need not be configured.
    private(set) var preferred: CoordinatorURL?
    private var lastTaker: CoordinatorURL?

    init(_ urls: CoordinatorURLs) {
        self.configured = urls.all
        self.preferred = urls.all.first
        self.lastTaker = urls.all.first
    }

    /// A call that begins now: with the preferred one, then in the order of configuration, round from there.
    func call() -> CoordinatorCall {
        let start = self.configured.firstIndex { $0 == self.preferred } ?? 0
        let ring = self.configured[start...] + self.configured[..<start]
        let first = self.preferred.map { [$0] } ?? []
        return CoordinatorCall(first + ring.filter { $0 != self.preferred })
    }

    /// - Returns: whether another one took the call before.
    mutating func took(_ url: CoordinatorURL) -> Bool {
        defer { (self.preferred, self.lastTaker) = (url, url) }
        return self.lastTaker != url
    }

    /// It gave no answer: the next one is asked first from now on. Calls that fail together move on by one.
    mutating func failed(_ url: CoordinatorURL) {
        guard self.preferred == url else { return }
        guard let index = self.configured.firstIndex(of: url) else { return self.preferred = self.configured.first }
        self.preferred = self.configured[(index + 1) % self.configured.count]
    }
}
