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

    private let answers: AnswerBatch

    init(_ statement: PostgresMailbox.Statement, answers: AnswerBatch) {
        self.statement = statement
        self.answers = answers
    }

    /// The first answer counts: one who gave up does not hear what comes later.
    func answer(_ answer: PostgresMailbox.Answer) {
        guard !self.isAnswered else { return }
        self.isAnswered = true
        self.answers.append(answer, to: self.statement.continuation)
    }
}

/// The answers of one turn of the loop. They are given together at its end, so that the threads of the tasks are woken
/// once for all of them.
final class AnswerBatch {
    private var answers: [(CheckedContinuation<PostgresMailbox.Answer, Never>, PostgresMailbox.Answer)] = []

    func append(_ answer: PostgresMailbox.Answer, to continuation: CheckedContinuation<PostgresMailbox.Answer, Never>) {
        self.answers.append((continuation, answer))
    }

    func give() {
        for (continuation, answer) in self.answers { continuation.resume(returning: answer) }
        self.answers.removeAll(keepingCapacity: true)
    }
}
