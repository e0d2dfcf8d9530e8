import Subprocess

/// Programs of the servers' packages that measure their limit.
enum Program {
    /// - Parameter environment: added to ours.
    /// - Returns: what the program printed to standard output.
    static func run(
        _ name: String, _ arguments: [String], environment: [String: String] = [:]
    ) async throws -> String {
        let outcome = try await Subprocess.run(
            .name(name),
            arguments: Arguments(arguments),
            environment: .inherit.updating(
                Dictionary(uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })
            ),
            output: .string(limit: 1 << 20),
            error: .string(limit: 1 << 20)
        )
        guard outcome.terminationStatus.isSuccess else {
            throw BenchmarkError("\(name) failed: \(outcome.terminationStatus) \(outcome.standardError)")
        }
        return outcome.standardOutput
    }
}
