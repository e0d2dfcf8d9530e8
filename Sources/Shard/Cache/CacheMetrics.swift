import Runtime
import Synchronization

/// What the guild cache's writers count.
final class CacheMetrics: Sendable {
    let writes: Counter
    let refused: Counter
    let skipped: Counter
    let failures: Counter
    let waived: Counter
    let doubted: Counter
    let seconds: Histogram
    let heldBytes: Gauge
    let heldOverflows: Counter
    private let queuedBytes: Gauge
    private let queued = Atomic<Int>(0)

    init(_ registry: MetricRegistry) {
        self.writes = registry.counter(
            "flotilla_shard_cache_writes_total", help: "Guild changes that Redis has answered.")
        self.refused = registry.counter(
            "flotilla_shard_cache_refused_total", help: "Guild changes refused since something newer was written.")
        self.skipped = registry.counter(
            "flotilla_shard_cache_skipped_total", help: "Guild changes not written for lack of room.")
        self.failures = registry.counter(
            "flotilla_shard_cache_failures_total", help: "Writes to Redis that failed and go again.")
        self.waived = registry.counter(
            "flotilla_shard_cache_waived_total", help: "Times that events did not wait any longer for the cache.")
        self.doubted = registry.counter(
            "flotilla_shard_cache_doubted_total", help: "Guilds marked as unsure.")
        self.seconds = registry.histogram(
            "flotilla_shard_cache_seconds", help: "From a guild change to Redis' answer.")
        self.heldBytes = registry.gauge(
            "flotilla_shard_cache_held_bytes", help: "Memory of guild changes that wait for their guilds' takeover.")
        self.heldOverflows = registry.counter(
            "flotilla_shard_cache_held_overflows_total",
            help: "Times that a slot had no room for them, so that guilds become unsure when they are taken over.")
        self.queuedBytes = registry.gauge(
            "flotilla_shard_cache_queued_bytes", help: "Bytes of cache writes without an answer.")
    }

    /// Of one writer.
    func changeQueuedBytes(by difference: Int) {
        guard difference != 0 else { return }
        let queued = self.queued.add(difference, ordering: .relaxed).newValue
        self.queuedBytes.set(Double(queued))
    }
}
