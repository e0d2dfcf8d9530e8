/// A statement in the hands of the loop.
final class ActiveStatement {
    let statement: PostgresMailbox.Statement
    /// Where it was sent; `nil` while it waits.
    var connection: ConnectionID?
    /// Once it was sent.
    var deadline: ContinuousClock.Instant?
    /// One further try for what is no fault of the statement's: a stale prepared form, a cancel meant for a neighbour.
    var wasRetried = false
    private(set) var isAnswered = false

    init(_ statement: PostgresMailbox.Statement) { self.statement = statement }

    /// The first answer counts: one who gave up does not hear what comes later.
    func answer(_ answer: PostgresMailbox.Answer) {
        guard !self.isAnswered else { return }
        self.isAnswered = true
        self.statement.continuation.resume(returning: answer)
    }
}
