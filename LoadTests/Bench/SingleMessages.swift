import CBaselines
import Foundation

/// The limit of publishing: a plain librabbitmq loop that sends messages of 1 KB one by one, with confirms, on a thread
/// of its own, since it blocks.
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
        let result: Result<Sample, BenchmarkError> = await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var total = baseline_publishing()
                var error = [CChar](repeating: 0, count: 256)
                let status = baseline_publish(
                    url, queue, self.bodySize, UInt64(self.window), length.inSeconds, &total, &error, error.count)
                let message = String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                continuation.resume(
                    returning: status == 0
                        ? .success(
                            Sample(
                                rate: Double(total.messages) / total.seconds,
                                cpu: total.cpu_seconds / Double(max(1, total.messages)) * 1e6))
                        : .failure(BenchmarkError("the C loop failed: \(message)")))
            }
        }
        return try result.get()
    }
}
