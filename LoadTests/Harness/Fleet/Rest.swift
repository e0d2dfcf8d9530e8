/// Waits until a fleet without faults and without traffic has nothing more to do.
struct Rest {
    private static let stillness: Duration = .seconds(3)

    let fleet: LoadedFleet
    private(set) var log: LedgerLog

    init(fleet: LoadedFleet, log: LedgerLog) {
        self.fleet = fleet
        self.log = log
    }

    /// Waits until the fleet has nothing to do. The verdict is broken when it still has at the end.
    ///
    /// - Returns: also what had come by then, which goes together with ``log``.
    mutating func reached(within limit: Duration) async throws -> (Verdict, Recording) {
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
            let recording = self.fleet.recorder.recording
            if reason == nil {
                // What began while the fleet was asked would be in one of the two only.
                try self.log.readOn()
                if (self.log.history.eventCount, recording.eventCount) == counts {
                    return (findings.verdict, recording)
                }
            }
            guard clock.now < deadline else {
                findings.violated(reason ?? "events are still on their way")
                return (findings.verdict, recording)
            }
            try await Task.sleep(for: .milliseconds(250))
        }
    }
}
