/// A history that grows as the sandbox writes its ledger.
struct LedgerLog: Sendable {
    /// A session that a client took up again.
    struct Resume: Sendable {
        /// Milliseconds since the Unix epoch.
        let at: Int64
        let shard: Int
        /// How long the session had no connection, as the sandbox saw it; nil: it had one.
        let pause: Int64?
    }

    private(set) var history = LedgerHistory()
    private var reader: LedgerReader
    private var resumes: [Resume] = []
    private var disconnected: [String: Int64] = [:]

    init(path: String) { self.reader = LedgerReader(path: path) }

    mutating func readOn() throws {
        var reader = self.reader
        try reader.readOn { line in
            self.history.add(line)
            switch line.fact {
            case .disconnected(let disconnect):
                if let session = disconnect.session { self.disconnected[session] = line.at }
            case .resume(let resume) where resume.outcome == "resumed":
                guard let slot = self.history.session(resume.session).flatMap({ self.history.sessions[$0].slot })
                else { return }
                let since = self.disconnected.removeValue(forKey: resume.session)
                self.resumes.append(
                    Resume(
                        at: line.at, shard: self.history.slots.values[slot].shard, pause: since.map { line.at - $0 }))
            default: break
            }
        }
        self.reader = reader
    }

    /// What was resumed since this was last asked.
    mutating func takeResumes() -> [Resume] {
        defer { self.resumes = [] }
        return self.resumes
    }
}
