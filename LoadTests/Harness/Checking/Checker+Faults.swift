extension Checker {
    /// Every kind of fault that was planned, close codes one by one, met a session, a guild, a connection or a process
    /// at least once: a fault that met nobody has shown nothing.
    ///
    /// - Parameter plantings: what became of them.
    func faults(_ planned: [ScheduledFault], _ plantings: [Planting]) -> Verdict {
        var findings = Findings("faults")
        let done = Dictionary(grouping: plantings, by: \.fault.kind)
        for (kind, faults) in Dictionary(grouping: planned, by: \.kind).sorted(by: { $0.key < $1.key }) {
            findings.checked += 1
            let landed = done[kind, default: []].count { self.hasLanded($0) }
            findings.count("landed", by: landed)
            findings.count("met nobody", by: faults.count - landed)
            guard landed == 0 else { continue }
            let all = faults.prefix(4).map(\.description).joined(separator: "; ")
            findings.violated("\(kind): planted \(faults.count) times and met nobody: \(all)")
        }
        return findings.verdict
    }

    private func hasLanded(_ planting: Planting) -> Bool {
        switch planting.trace {
        case .met(let count): count > 0
        case .ledger(let numbers): numbers.contains { self.history.faults[$0, default: 0] > 0 }
        }
    }
}
