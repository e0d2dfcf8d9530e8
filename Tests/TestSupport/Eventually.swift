package struct NeverHappened: Error, CustomStringConvertible {
    let what: String
    let waited: Duration
    package var description: String { "\(self.what): not seen within \(self.waited)" }
}

/// Asks until `condition` holds, for what the outside world does without telling.
///
/// - Throws: `NeverHappened` once the deadline has passed, or what `condition` throws.
package func eventually(
    within limit: Duration = .seconds(20),
    _ what: String,
    _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: limit)
    while try await !condition() {
        guard clock.now < deadline else { throw NeverHappened(what: what, waited: limit) }
        try await Task.sleep(for: .milliseconds(10))
    }
}
