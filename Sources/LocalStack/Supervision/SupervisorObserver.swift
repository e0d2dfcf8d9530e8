/// Is told what happens to the processes, from any task.
protocol SupervisorObserver: Sendable {
    func childIsStarting(_ child: ChildSpecification)
    func childIsReady(_ child: ChildSpecification, after elapsed: Duration)
    /// - Parameter restart: how long until the next launch; nil when there is none.
    func childDied(_ child: ChildSpecification, _ exit: ChildExit, lastLines: [String], restart: Duration?)
    func childIsStopping(_ child: ChildSpecification)
}

/// Says nothing.
struct SilentObserver: SupervisorObserver {
    func childIsStarting(_ child: ChildSpecification) {}
    func childIsReady(_ child: ChildSpecification, after elapsed: Duration) {}
    func childDied(_ child: ChildSpecification, _ exit: ChildExit, lastLines: [String], restart: Duration?) {}
    func childIsStopping(_ child: ChildSpecification) {}
}
