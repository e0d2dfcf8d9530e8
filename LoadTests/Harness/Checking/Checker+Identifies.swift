extension Checker {
    private struct Bucket: Hashable {
        let application: String
        let key: Int
    }

    /// IDENTIFYs of one bucket come to the sandbox no closer than agreed, and none is refused.
    func identifySpacing() -> Verdict {
        var findings = Findings("identify spacing")
        var last: [Bucket: LedgerHistory.Identify] = [:]
        var smallest = Int64.max
        for identify in self.history.identifies {
            findings.checked += 1
            if identify.outcome != "ready" {
                findings.violated(
                    "ledger line \(identify.line): IDENTIFY of \(self.history.slots.values[identify.slot]) was answered "
                        + "with \(identify.outcome)")
            }
            let slot = self.history.slots.values[identify.slot]
            let bucket = Bucket(application: slot.application, key: slot.shard % max(self.terms.maxConcurrency, 1))
            if let before = last.updateValue(identify, forKey: bucket) {
                smallest = min(smallest, identify.at - before.at)
                if identify.at - before.at < self.terms.identifyMilliseconds {
                    findings.violated(
                        "ledger line \(identify.line): IDENTIFY of \(slot), \(identify.at - before.at) ms after that of "
                            + "\(self.history.slots.values[before.slot]) in line \(before.line)")
                }
            }
        }
        if smallest < Int64.max { findings.figures["smallest gap in ms"] = Int(smallest) }
        return findings.verdict
    }

    /// So many IDENTIFYs come in each window as were agreed.
    func identifyCounts() -> Verdict {
        var findings = Findings("identify counts")
        for window in self.terms.identifyWindows {
            findings.checked += 1
            let met = self.history.identifies.filter { identify in
                window.from <= identify.at && identify.at <= window.to
                    && window.numShards.map { $0 == self.history.slots.values[identify.slot].numShards } ?? true
            }
            findings.count(window.name, by: met.count)
            guard !window.expected.contains(met.count) else { continue }
            let lines = met.prefix(8).map { "\(self.history.slots.values[$0.slot]) in line \($0.line)" }
            findings.violated(
                "\(window.name): \(met.count) IDENTIFYs, where \(window.expected) are expected: "
                    + lines.joined(separator: ", "))
        }
        return findings.verdict
    }

    /// The part of the session starts that is kept for emergencies was not touched.
    func sessionStartReserve() -> Verdict {
        var findings = Findings("session start reserve")
        let reserve = (self.terms.sessionStarts * self.terms.reservePercent + 99) / 100
        var fewest = Int.max
        for identify in self.history.identifies {
            guard let remaining = identify.remaining else { continue }
            findings.checked += 1
            fewest = min(fewest, remaining)
            if remaining < reserve {
                findings.violated(
                    "ledger line \(identify.line): after the IDENTIFY of \(self.history.slots.values[identify.slot]) "
                        + "\(remaining) of \(self.terms.sessionStarts) are left, and \(reserve) are the reserve")
            }
        }
        if fewest < Int.max { findings.figures["fewest left"] = fewest }
        return findings.verdict
    }

    /// An IDENTIFY is sent only for a slot that has no session: the first, or after its session was lost.
    func identifyReasons(_ facts: LaneFacts) -> Verdict {
        var findings = Findings("identify reasons")
        var held: [Int: Int] = [:]
        for identify in self.history.identifies {
            findings.checked += 1
            if let session = held[identify.slot] {
                if let reason = self.lossReason(of: session, before: identify.line, facts) {
                    findings.count(reason)
                } else {
                    findings.violated(
                        "ledger line \(identify.line): IDENTIFY of \(self.history.slots.values[identify.slot]), whose "
                            + "session \(self.history.sessions[session].id) could be resumed")
                }
            } else {
                findings.count("first")
            }
            if let session = identify.session { held[identify.slot] = session }
        }
        return findings.verdict
    }

    /// Why a session was given up; nil: for nothing that the ledger tells.
    private func lossReason(of session: Int, before line: UInt32, _ facts: LaneFacts) -> String? {
        let told = self.history.sessions[session]
        if let end = told.end, end.line < line { return "after \(end.reason)" }
        let resumes = told.resumes.filter { $0.line < line }
        if let refused = resumes.last(where: { !$0.isAccepted }) { return "after RESUME: \(refused.outcome)" }
        // RESUMEs that the sandbox took, and after which it heard nothing more.
        let silent = told.claims.filter { $0.line < line }.reversed().prefix { $0.isResume }
        if silent.count >= self.terms.resumeAttempts { return "after RESUMEs without RESUMED" }
        if facts.unknown.contains(session) { return "after a session that died with its process" }
        // READY did not arrive, or went down with its process.
        return facts.isHeard[session] ? nil : "after a session that nobody heard"
    }
}
