extension Checker {
    /// A close that a schedule plants.
    struct PlantedClose: Sendable, Equatable {
        let code: Int
        let shard: Int
    }

    /// A shard that was closed with a code that forbids to go on is shown as failed with that code, and sends nothing
    /// until an operator lets it.
    ///
    /// - Parameters:
    ///   - planted: what the sandbox was asked for, in this order for each code.
    ///   - starts: when processes were started, in milliseconds since the Unix epoch: a new one knows of no refusal.
    func refusals(_ log: OperatorLog, planted: [PlantedClose], starts: [Int64]) -> Verdict {
        var findings = Findings("refusals")
        for refused in log.refused { findings.violated("an operator's leave to go on was refused: \(refused)") }
        self.checkLanding(of: planted, &findings)
        var shown = 0
        for refusal in self.history.refusals {
            let told = self.history.sessions[refusal.session]
            guard let number = told.slot else { continue }
            findings.checked += 1
            let slot = self.history.slots.values[number]
            let identify = self.history.identifies.first { $0.slot == number && $0.line > refusal.line }
            let resume = told.resumes.first { $0.line > refusal.line && $0.line < identify?.line ?? .max }
            let next = resume?.at ?? identify?.at
            let end = next ?? .max
            let isShown = log.sightings.contains {
                $0.shard == slot.shard && $0.numShards == slot.numShards && refusal.at <= $0.at && $0.at <= end
                    && $0.reason.contains("\(refusal.code)")
            }
            if isShown { shown += 1 }
            if isShown { findings.count("shown as failed, with the code") }
            guard let next else {
                if !isShown {
                    findings.violated(
                        "ledger line \(refusal.line): \(slot) was closed with \(refusal.code) and neither shown nor "
                            + "heard of again")
                }
                continue
            }
            if log.retries.contains(where: { $0.to >= refusal.at && $0.from <= next }) {
                findings.count(resume == nil ? "IDENTIFY after a retry" : "RESUME after a retry")
            } else if starts.contains(where: { refusal.at - 1000 <= $0 && $0 <= next }) {
                findings.count("processes that began since")
            } else if resume != nil, !refusal.isHeard {
                // The close frame was lost with its connection.
                findings.count("not heard by the client")
            } else if self.hasNewOwner(since: refusal) {
                // It was taken from the process that heard the code; the next one was told nothing of it.
                findings.count("slots that another process had since")
            } else {
                findings.violated(
                    "ledger line \(resume?.line ?? identify?.line ?? 0): \(resume == nil ? "IDENTIFY" : "RESUME") of "
                        + "\(slot), which was closed with \(refusal.code) in line \(refusal.line), and nobody "
                        + "allowed it")
            }
        }
        if findings.checked > planted.count, shown == 0 { findings.violated("no refusal was ever shown") }
        return findings.verdict
    }

    /// Each close that was planted met the client of its slot, if there was one, and ended its connection.
    private func checkLanding(of planted: [PlantedClose], _ findings: inout Findings) {
        var planned = Dictionary(grouping: self.history.plannedRefusals, by: \.code)
        var outstanding = Dictionary(grouping: planted, by: \.code).mapValues(\.count)
        for close in planted {
            findings.checked += 1
            guard var left = planned[close.code], !left.isEmpty else {
                findings.violated("no close with \(close.code) was ever asked for, for shard \(close.shard)")
                continue
            }
            var plan = left.removeFirst()
            outstanding[close.code, default: 0] -= 1
            // What met nobody was asked for again, where there are more than were planted.
            while plan.sessions.isEmpty, left.count > outstanding[close.code, default: 0] {
                self.checkMiss(plan, of: close, &findings)
                plan = left.removeFirst()
            }
            planned[close.code] = left
            guard let session = plan.sessions.first else {
                self.checkMiss(plan, of: close, &findings)
                continue
            }
            if plan.end == "server:\(close.code)" {
                findings.count("landed")
            } else if let end = plan.end, end.hasPrefix("server:") || end == "cut" {
                findings.count("planted where the sandbox had just closed for something else")
            } else {
                findings.violated(
                    "ledger line \(plan.line): after the close with \(close.code) the connection of session "
                        + "\(self.history.sessions[session].id) \(plan.end.map { "ended with \($0)" } ?? "went on")")
            }
        }
        let landed = findings.figures["landed", default: 0]
        if !planted.isEmpty, landed == 0 { findings.violated("none of \(planted.count) planted closes landed") }
    }

    /// A close that met nobody came while its slot had no client.
    private func checkMiss(
        _ plan: LedgerHistory.PlannedRefusal, of close: PlantedClose, _ findings: inout Findings
    ) {
        if plan.connected.contains(where: { self.history.slots.values[$0].shard == close.shard }) {
            findings.violated(
                "ledger line \(plan.line): the close with \(close.code) met nobody, though shard \(close.shard) had a "
                    + "client")
        } else {
            findings.count("planted where no client was")
        }
    }

    /// Whether what was sent to the session, or to the slot's next one, after a refusal was published by a later owner
    /// than what was sent before.
    private func hasNewOwner(since refusal: LedgerHistory.Refusal) -> Bool {
        guard let slot = self.history.sessions[refusal.session].slot else { return false }
        var before: Int64 = 0
        var after: Int64?
        for queue in self.recording.queues {
            for occurrence in queue.occurrences where !occurrence.isGap {
                let message = self.recording.messages[Int(occurrence.message)]
                guard let session = self.sessions[Int(message.session)], self.history.sessions[session].slot == slot
                else { continue }
                let dispatches = self.history.sessions[session].dispatches
                guard dispatches.indices.contains(Int(occurrence.sequence) - 1) else { continue }
                if dispatches[Int(occurrence.sequence) - 1].line > refusal.line {
                    after = min(after ?? message.epoch, message.epoch)
                } else if message.at <= refusal.at {
                    before = max(before, message.epoch)
                }
            }
        }
        return after.map { $0 > before } ?? false
    }
}
