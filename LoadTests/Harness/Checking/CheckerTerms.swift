/// What was agreed for a run, and a check has to know.
package struct CheckerTerms: Sendable {
    package var lanes = 32
    /// Names of events that the publish plan sends nowhere.
    package var filtered: Set<String> = []
    /// Names of events that go to the command queue, which has no order and a time to live.
    package var commands: Set<String> = ["INTERACTION_CREATE"]
    /// How long a command may be on its way and wait in its queue.
    package var commandMilliseconds: Int64 = 10_000
    package var maxConcurrency = 1
    /// Between two IDENTIFYs of one bucket; zero or less checks nothing.
    package var identifyMilliseconds: Int64 = 5000
    /// RESUMEs without a RESUMED after which a session is given up.
    package var resumeAttempts = 3

    package init() {}
}
