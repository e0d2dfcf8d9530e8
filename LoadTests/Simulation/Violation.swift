/// What must not be, and was.
package struct Violation: Error, CustomStringConvertible, Sendable, Equatable {
    /// Of design.md, section 13; `I0` for a promise between parts that the others rest on.
    package let invariant: String
    package let detail: String
    package let at: VirtualTime

    package var description: String { "\(self.invariant) at \(Double(self.at) / 1_000_000) s: \(self.detail)" }
}

/// What came of one schedule.
package struct ScheduleResult: Sendable, Equatable {
    package let seed: UInt64
    package internal(set) var violation: Violation?
    package internal(set) var steps = 0
    /// The same for the same steps.
    package internal(set) var digest: UInt64 = 14_695_981_039_346_656_037
    package internal(set) var counts = Counts()
    /// The last lines of what happened, when asked for.
    package internal(set) var trace: [String] = []

    package struct Counts: Sendable, Equatable, CustomStringConvertible {
        package var leaders = 0
        package var incarnations = 0
        package var fences = 0
        package var grants = 0
        package var identifies = 0
        package var resumes = 0
        package var sessionsLost = 0
        package var gaps = 0
        package var events = 0
        package var repeats = 0
        package var faults = 0
        package var reshardsBegun = 0
        package var reshardsDone = 0
        package var reshardsRolledBack = 0
        package var restarts = 0
        package var restartsDone = 0
        /// How often each kind of fault struck.
        package var faultsByKind: [String: Int] = [:]
        /// What operators asked for and got.
        package var operations: [String: Int] = [:]
        /// The longest time from the end of all faults until every slot was ready, in virtual microseconds.
        package var longestRecovery: VirtualTime = 0

        package init() {}

        package var description: String {
            func list(_ counts: [String: Int]) -> String {
                counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            }
            return """

                leaders \(self.leaders), incarnations \(self.incarnations), fences \(self.fences), grants \(self.grants)
                IDENTIFYs \(self.identifies), RESUMEs \(self.resumes), sessions lost \(self.sessionsLost), \
                gap records \(self.gaps), events \(self.events), repeated \(self.repeats)
                reshards begun \(self.reshardsBegun), done \(self.reshardsDone), rolled back \(self.reshardsRolledBack); \
                rolling restarts begun \(self.restarts), done \(self.restartsDone)
                operations: \(list(self.operations))
                faults: \(list(self.faultsByKind))
                the longest time until every slot was ready after the faults: \
                \(Double(self.longestRecovery) / 1_000_000) s
                """

        }

        package static func += (sum: inout Counts, more: Counts) {
            sum.leaders += more.leaders
            sum.incarnations += more.incarnations
            sum.fences += more.fences
            sum.grants += more.grants
            sum.identifies += more.identifies
            sum.resumes += more.resumes
            sum.sessionsLost += more.sessionsLost
            sum.gaps += more.gaps
            sum.events += more.events
            sum.repeats += more.repeats
            sum.faults += more.faults
            sum.reshardsBegun += more.reshardsBegun
            sum.reshardsDone += more.reshardsDone
            sum.reshardsRolledBack += more.reshardsRolledBack
            sum.restarts += more.restarts
            sum.restartsDone += more.restartsDone
            sum.faultsByKind.merge(more.faultsByKind, uniquingKeysWith: +)
            sum.operations.merge(more.operations, uniquingKeysWith: +)
            sum.longestRecovery = max(sum.longestRecovery, more.longestRecovery)
        }
    }

    init(seed: UInt64) { self.seed = seed }
}
