/// Something took longer than it may.
package struct DeadlineExceeded: Error, CustomStringConvertible {
    let limit: Duration
    package var description: String { "no end within \(self.limit)" }
}

/// Runs `operation`, and cancels it when it takes longer than `limit`.
///
/// - Throws: `DeadlineExceeded`, or what `operation` throws.
package func withDeadline<Result: Sendable>(
    _ limit: Duration,
    _ operation: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withThrowingTaskGroup(of: Result.self) { group in
        group.addTask { try await operation() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw DeadlineExceeded(limit: limit)
        }
        defer { group.cancelAll() }
        guard let result = try await group.next() else { throw CancellationError() }
        return result
    }
}
