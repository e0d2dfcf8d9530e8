import Foundation
import UnixSignals

/// One directory with its stores, and the processes that run on them.
struct LocalStack: Sendable {
    let directory: StackDirectory
    let secrets: StackSecrets
    let mark: MarkedProcesses
    let stores: PrivateStores
    /// With the ports of the stores chosen.
    let ports: StackPorts
    private let lock: StackLock
    private let observer: any SupervisorObserver

    /// - Throws: `LocalStackError.alreadyRunning` when another process uses the directory.
    init(directory: String, takesUsualPorts: Bool, observer: any SupervisorObserver) throws(LocalStackError) {
        self.directory = try StackDirectory(creating: directory)
        self.lock = try StackLock(self.directory)
        self.secrets = try StackSecrets.load(in: self.directory)
        self.mark = MarkedProcesses(mark: self.directory.path)
        self.observer = observer
        var ports = StackPorts(in: self.directory, takesUsualPorts: takesUsualPorts)
        self.stores = try PrivateStores(in: self.directory, secrets: self.secrets, mark: self.mark, ports: &ports)
        self.ports = ports
    }

    /// Starts the stores, then `layers`, then runs `body`; everything is gone when this returns.
    ///
    /// - Parameter stopsOnSignals: whether SIGINT, SIGTERM and SIGHUP stop the stack; a second one kills it.
    @discardableResult
    func run<Result: Sendable>(
        adding layers: [Supervisor.Layer], stopsOnSignals: Bool, view: StackView?,
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Supervisor.Outcome<Result> {
        defer { withExtendedLifetime(self.lock) {} }
        let request = StopRequest()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            if stopsOnSignals {
                let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
                group.addTask { for await _ in signals { request.request(at: .now) } }
            }
            // Those of an earlier run whose supervisor and guard were both killed.
            await self.mark.stop(grace: .seconds(5))
            return try await OrphanGuard.guarding(self.mark) {
                let outcome = try await self.supervise(layers, request: request, view: view, body)
                // A process that left its group can still be there.
                await self.mark.stop(grace: .zero)
                return outcome
            }
        }
    }

    private func supervise<Result: Sendable>(
        _ layers: [Supervisor.Layer], request: StopRequest, view: StackView?,
        _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Supervisor.Outcome<Result> {
        try await withThrowingTaskGroup(of: Void.self) { group in
            let started = Latch()
            defer { started.open() }
            group.addTask { await view?.showProgress(until: started) }
            view?.isPreparing("the stores' data")
            try await self.stores.prepare()
            view?.isPrepared("the stores' data")
            if request.stop.isOpen { return .stopped }
            let supervisor = try Supervisor(
                layers: try self.stores.layers() + layers, logDirectory: self.directory.logs, observer: self.observer,
                request: request)
            return try await supervisor.run {
                started.open()
                return try await body()
            }
        }
    }
}
