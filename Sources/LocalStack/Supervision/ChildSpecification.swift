/// A process that the stack runs: what to launch, when it counts as ready, how to stop it.
struct ChildSpecification: Sendable {
    enum Readiness: Sendable {
        /// Ends by itself with exit code 0; what comes after it waits for that.
        case task
        /// Asked again and again until it answers.
        case probe(ReadinessProbe)
    }

    /// Names the log file and the lines on the terminal, such as `shard-1`.
    let name: String
    /// For people, such as `RabbitMQ`.
    let title: String
    let executable: String
    let arguments: [String]
    /// All of it: nothing is inherited.
    let environment: [String: String]
    let readiness: Readiness
    /// From launch to ready; a process that isn't ready by then is killed, which counts as a failure.
    var startLimit: Duration = .seconds(60)
    /// What asks it to stop.
    var stopSignal: Int32 = 15
    /// How long it may take to stop before it is killed.
    var stopLimit: Duration = .seconds(3)
    /// How often it may die before it was ever ready.
    var attemptsBeforeReady = 3
}
