import Foundation
import Subprocess
import SystemPackage

/// Launches one process in a group of its own and waits for its end.
enum ProcessLaunch {
    /// - Parameters:
    ///   - output: for standard output and standard error; nil leaves the caller's. Stays open.
    ///   - launched: told the process' number, which is also that of its group.
    /// - Returns: how it ended, once it has ended. Cancellation stops it: SIGTERM, and SIGKILL after 5 s.
    static func run(
        _ executable: String,
        _ arguments: [String],
        environment: [String: String],
        output: FileDescriptor?,
        launched: @Sendable (Int32) async -> Void
    ) async -> ChildExit {
        var options = PlatformOptions()
        // Ctrl-C on the terminal reaches the supervisor alone, which stops its processes in order.
        options.processGroupID = 0
        options.teardownSequence = [.send(signal: .terminate, allowedDurationToNextStep: .seconds(5))]
        let output = output ?? .standardOutput
        let error = output == .standardOutput ? FileDescriptor.standardError : output
        do {
            let outcome = try await Subprocess.run(
                .path(FilePath(executable)),
                arguments: Arguments(arguments),
                environment: .custom(
                    Dictionary(
                        uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })),
                platformOptions: options,
                input: .none,
                output: .fileDescriptor(output, closeAfterSpawningProcess: false),
                error: .fileDescriptor(error, closeAfterSpawningProcess: false)
            ) { execution in
                await launched(execution.processIdentifier.value)
            }
            return switch outcome.terminationStatus {
            case .exited(let code): .exited(code)
            case .signaled(let signal): .signaled(signal)
            }
        } catch {
            return .notLaunched("can't run \(executable): \(error)")
        }
    }
}
