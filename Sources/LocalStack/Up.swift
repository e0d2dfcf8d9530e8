import ClusterAPI
import ClusterClient
import Foundation
import Logging
import Runtime

/// Runs the stores and every process of Flotilla on this machine until SIGINT, SIGTERM or SIGHUP, and tells about it on
/// standard output.
///
/// - Returns: the exit code for the caller: 0 after a stop, 78 when a process refuses its configuration, 1 after any
///   other failure.
package func up(options: UpOptions) async throws -> Int32 {
    let clock = ContinuousClock()
    let start = clock.now
    let terminal = Terminal.standardOutput(environment: options.environment)
    let view = StackView(terminal)
    defer { view.stopped() }
    do {
        let stack = try LocalStack(directory: options.directory, takesUsualPorts: true, observer: view)
        var ports = stack.ports
        let roles = try StackRoles(
            options, stores: stack.stores.addresses, secrets: stack.secrets, sandboxData: stack.directory.sandbox,
            mark: stack.mark, ports: &ports)
        try ports.save()
        let coordinator = CoordinatorClient(
            try CoordinatorURLs(roles.addresses.coordinatorURLs), token: Secret(stack.secrets.operator),
            logger: Logger(label: "up", factory: { _ in SwiftLogNoOpLogHandler() }))
        view.say("Flotilla on \(stack.directory.path)")
        try await stack.run(adding: roles.layers(), stopsOnSignals: true, view: view) {
            view.showReady(roles.addresses, logs: stack.directory.logs, after: clock.now - start)
            await view.showStatus(of: coordinator, since: start)
        }
        return 0
    } catch let error as LocalStackError {
        StandardError.write("flotilla up: \(error)\n")
        return error.code == .configuration ? ChildStateMachine.configurationExitCode : 1
    }
}

/// Runs private stores, and `body` beside them; they are gone when this returns.
///
/// - Parameters:
///   - directory: where their data lies; made where missing.
///   - takesUsualPorts: whether 5672, 6379 and 5432 are tried first; false leaves them to others.
///   - body: told the addresses once all three answer.
package func withStores<Result: Sendable>(
    directory: String,
    takesUsualPorts: Bool = false,
    _ body: @escaping @Sendable (StoreAddresses) async throws -> Result
) async throws -> Result {
    let stack = try LocalStack(directory: directory, takesUsualPorts: takesUsualPorts, observer: SilentObserver())
    try stack.ports.save()
    let outcome = try await stack.run(adding: [], stopsOnSignals: false, view: nil) {
        var addresses = stack.stores.addresses
        addresses.mark = stack.mark.adding(to: [:])
        return try await body(addresses)
    }
    switch outcome {
    case .finished(let result): return result
    case .stopped: throw CancellationError()
    }
}

/// Runs private stores and a command beside them, with `FLOTILLA_TEST_…` variables that tell where they are.
///
/// - Parameters:
///   - command: a program, looked up in `PATH`, and its arguments. It has this process' standard output and standard
///     error.
///   - environment: the caller's.
/// - Returns: the command's exit code, 128 and the signal's number when a signal ended it; 1 when the stores don't run.
package func runWithStores(
    directory: String, command: [String], environment: [String: String]
) async throws -> Int32 {
    do {
        let stack = try LocalStack(directory: directory, takesUsualPorts: false, observer: SilentObserver())
        try stack.ports.save()
        let outcome = try await stack.run(adding: [], stopsOnSignals: true, view: nil) {
            await ProcessLaunch.run(
                "/usr/bin/env", command,
                environment: stack.mark.adding(
                    to: environment.merging(stack.stores.addresses.testEnvironment) { $1 }),
                output: nil
            ) { _ in }
        }
        switch outcome {
        case .finished(let exit): return exit.code
        case .stopped: return 130
        }
    } catch let error as LocalStackError {
        StandardError.write("flotilla: \(error)\n")
        return 1
    }
}
