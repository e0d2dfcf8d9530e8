import Synchronization

/// Starts layers of processes one after the other, keeps them running, and stops them in reverse order.
final class Supervisor: Sendable {
    /// A process of one layer may count on those of the layers before it.
    typealias Layer = [ChildSpecification]

    enum Outcome<Result: Sendable>: Sendable {
        /// The body is done.
        case finished(Result)
        /// The stop was requested first.
        case stopped
    }

    private let layers: [[SupervisedChild]]
    private let request: StopRequest
    private let failure: Failure

    /// The first error of a process that was given up.
    private final class Failure: Sendable {
        private let error = Mutex<LocalStackError?>(nil)

        var value: LocalStackError? { self.error.withLock { $0 } }

        func note(_ error: LocalStackError) {
            self.error.withLock { if $0 == nil { $0 = error } }
        }
    }

    init(
        layers: [Layer], logDirectory: String, observer: any SupervisorObserver, request: StopRequest
    ) throws(LocalStackError) {
        let failure = Failure()
        self.request = request
        self.failure = failure
        var supervised: [[SupervisedChild]] = []
        for layer in layers {
            var children: [SupervisedChild] = []
            for specification in layer {
                let log = ChildLog(path: "\(logDirectory)/\(specification.name).log")
                try log.rotate()
                children.append(
                    SupervisedChild(specification, log: log, observer: observer) { error in
                        failure.note(error)
                        request.stop.open()
                    })
            }
            supervised.append(children)
        }
        self.layers = supervised
    }

    /// Runs `body` while all processes run. All are gone when this returns. Cancellation kills them.
    ///
    /// - Throws: what `body` throws, or the error of a process that was given up.
    func run<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Outcome<Result> {
        try await withThrowingTaskGroup(of: Void.self) { children in
            // Tasks of their own: whatever ends the body, processes stop in order and not by cancellation.
            let (starts, start) = AsyncStream<SupervisedChild>.makeStream()
            async let outcome = self.startAndRun(start, body)
            for await child in starts {
                child.started.open()
                children.addTask { await child.run() }
            }
            let result: Swift.Result<Outcome<Result>, any Error>
            do { result = .success(try await outcome) } catch { result = .failure(error) }
            await self.stop()
            try await children.waitForAll()
            if let error = self.failure.value { throw error }
            return try result.get()
        }
    }

    private func startAndRun<Result: Sendable>(
        _ start: AsyncStream<SupervisedChild>.Continuation, _ body: @escaping @Sendable () async throws -> Result
    ) async throws -> Outcome<Result> {
        try await withThrowingTaskGroup(of: Outcome<Result>.self) { group in
            group.addTask {
                await self.request.stop.wait()
                return .stopped
            }
            group.addTask {
                do {
                    defer { start.finish() }
                    for layer in self.layers {
                        for child in layer { start.yield(child) }
                        for child in layer { await child.settled.wait() }
                        if self.request.stop.isOpen || Task.isCancelled { return .stopped }
                    }
                }
                return .finished(try await body())
            }
            defer { group.cancelAll() }
            return try await group.next() ?? .stopped
        }
    }

    /// Each layer has its own time and what the layers before it left of theirs.
    private func stop() async {
        let clock = ContinuousClock()
        var deadline = clock.now
        for layer in self.layers.reversed() {
            deadline += layer.map(\.specification.stopLimit).max() ?? .zero
            let limit = clock.now.duration(to: deadline)
            await withTaskGroup(of: Void.self) { group in
                for child in layer where child.started.isOpen {
                    group.addTask { await child.stop(limit: limit, atOnce: self.request.kill) }
                }
            }
        }
    }
}
