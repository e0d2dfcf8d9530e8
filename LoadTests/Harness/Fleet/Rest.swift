/// Waits until a fleet without faults and without traffic has nothing more to do.
struct Rest {
    private static let stillness: Duration = .seconds(3)

    let fleet: LoadedFleet
    private(set) var log: LedgerLog

    init(fleet: LoadedFleet, log: LedgerLog) {
        self.fleet = fleet
        self.log = log
    }

    /// Broken when there is still something to do at the end.
    mutating func verdict(within limit: Duration) async throws -> Verdict {
        var findings = Findings("rest")
        findings.checked = 1
        let clock = ContinuousClock()
        let deadline = clock.now + limit
        var counts = (-1, -1)
        var since = clock.now
        while true {
            try self.log.readOn()
            let now = (self.log.history.eventCount, self.fleet.recorder.eventCount)
            if now != counts {
                counts = now
                since = clock.now
            }
            var reason = await self.fleet.unreadiness()
            if reason == nil, clock.now - since < Self.stillness { reason = "events are still on their way" }
            guard let reason else { return findings.verdict }
            guard clock.now < deadline else {
                findings.violated(reason)
                return findings.verdict
            }
            try await Task.sleep(for: .milliseconds(250))
        }
    }
}
