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

    /// The session start limit, and how many percent of it are never used.
    package var sessionStarts = 1000
    package var reservePercent = 20
    /// How long a consumer remembers what it has seen, to tell what two generations publish.
    package var memoryMilliseconds: Int64 = 60_000
    package var identifyWindows: [IdentifyWindow] = []

    /// A time in which a number of IDENTIFYs is expected; milliseconds since the Unix epoch, both included.
    package struct IdentifyWindow: Sendable, Equatable {
        package let name: String
        package let from: Int64
        package let to: Int64
        package let expected: ClosedRange<Int>
        /// Of a shard count; nil: of any.
        package let numShards: Int?

        package init(name: String, from: Int64, to: Int64, expected: ClosedRange<Int>, numShards: Int? = nil) {
            self.name = name
            self.from = from
            self.to = to
            self.expected = expected
            self.numShards = numShards
        }
    }

    package init() {}
}
