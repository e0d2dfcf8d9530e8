import CBaselines
import Foundation

/// The limit of publishing: plain librabbitmq loops that send messages of 1 KB one by one, with confirms, on threads
/// of their own, since they block.
enum SingleMessages {
    struct Sample: Sendable {
        /// Confirmed messages a second.
        let rate: Double
        /// Microseconds a message.
        let cpu: Double
    }

    static let bodySize = 1024
    static let window = 2048

    static func rate(url: String, queue: String, for length: Duration) async throws -> Sample {
        try await self.block { error in
            var total = baseline_publishing()
            let status = baseline_publish(
                url, queue, self.bodySize, UInt64(self.window), length.inSeconds, &total, &error, error.count)
            guard status == 0 else { return nil }
            return Sample(
                rate: Double(total.messages) / total.seconds,
                cpu: total.cpu_seconds / Double(max(1, total.messages)) * 1e6)
        }
    }

    /// Milliseconds from publish to delivery, each message by itself.
    static func delays(url: String, queue: String, perSecond: Int, for length: Duration) async throws -> [Double] {
        let count = max(1, Int(length.inSeconds * Double(perSecond)))
        return try await self.block { error in
            var delays = [Double](repeating: 0, count: count)
            let status = baseline_delays(
                url, queue, self.bodySize, 1 / Double(perSecond), &delays, count, &error, error.count)
            return status == 0 ? delays.map { $0 * 1000 } : nil
        }
    }

    /// - Parameter work: nil: it failed, and wrote why.
    private static func block<Value: Sendable>(
        _ work: @escaping @Sendable (inout [CChar]) -> Value?
    ) async throws -> Value {
        let result: Result<Value, BenchmarkError> = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var error = [CChar](repeating: 0, count: 256)
                if let value = work(&error) { return continuation.resume(returning: .success(value)) }
                let message = String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                continuation.resume(returning: .failure(BenchmarkError("the C loop failed: \(message)")))
            }
        }
        return try result.get()
    }
}
