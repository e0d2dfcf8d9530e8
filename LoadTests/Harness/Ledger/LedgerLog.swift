/// A history that grows as the sandbox writes its ledger.
struct LedgerLog: Sendable {
    /// A session that a client took up again.
    struct Resume: Sendable {
        /// Milliseconds since the Unix epoch.
        let at: Int64
        let shard: Int
    }

    private(set) var history = LedgerHistory()
    private var reader: LedgerReader
    private var resumes: [Resume] = []

    init(path: String) { self.reader = LedgerReader(path: path) }

    mutating func readOn() throws {
        var reader = self.reader
        try reader.readOn { line in
            self.history.add(line)
            guard case .resume(let resume) = line.fact, resume.outcome == "resumed",
                let slot = self.history.session(resume.session).flatMap({ self.history.sessions[$0].slot })
            else { return }
            self.resumes.append(Resume(at: line.at, shard: self.history.slots.values[slot].shard))
        }
        self.reader = reader
    }

    /// What was resumed since this was last asked.
    mutating func takeResumes() -> [Resume] {
        defer { self.resumes = [] }
        return self.resumes
    }
}
