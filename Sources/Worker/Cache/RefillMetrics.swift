import Runtime

struct RefillMetrics: Sendable {
    let refilled: Counter
    let stale: Counter
    let forgotten: Counter
    let failed: Counter

    init(_ registry: MetricRegistry) {
        self.refilled = registry.counter(
            "flotilla_worker_cache_refilled_total", help: "Guilds fetched over REST for the cache.")
        self.stale = registry.counter(
            "flotilla_worker_cache_stale_total", help: "Guilds fetched in vain: something newer was written meanwhile.")
        self.forgotten = registry.counter(
            "flotilla_worker_cache_forgotten_total",
            help: "Guilds removed from the cache since Discord does not know them."
        )
        self.failed = registry.counter(
            "flotilla_worker_cache_failures_total", help: "Guilds that could not be fetched, and are tried again.")
    }
}
