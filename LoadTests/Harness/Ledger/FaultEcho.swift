/// Waits for what the ledger tells of a fault that the sandbox is asked for.
struct FaultEcho {
    private static let look: Duration = .milliseconds(50)

    private var reader: LedgerReader

    /// Made before the sandbox is asked.
    init(ledger path: String) throws { self.reader = try LedgerReader(endOf: path) }

    /// Whether the fault met anybody; nil: the ledger doesn't tell within the time.
    mutating func isMet(_ id: Int64, within limit: Duration) async throws -> Bool? {
        let deadline = ContinuousClock.now + limit
        while true {
            var isMet: Bool?
            try self.reader.readOn { line in
                guard isMet == nil, case .fault(let text) = line.fact, let fact = FaultFact(text), fact.id == id
                else { return }
                isMet = fact.met > 0
            }
            if isMet != nil || ContinuousClock.now >= deadline { return isMet }
            try await Task.sleep(for: Self.look)
        }
    }
}
