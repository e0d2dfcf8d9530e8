import Runtime

struct WorkerMetrics: Sendable {
    let events: Counter
    let parked: Counter
    let delay: Histogram

    init(_ registry: MetricRegistry) {
        self.events = registry.counter("flotilla_worker_events_total", help: "Events handled.")
        self.parked = registry.counter(
            "flotilla_worker_parked_total", help: "Events and messages put into the parking queue.")
        self.delay = registry.histogram(
            "flotilla_worker_event_delay_seconds", help: "From the shard reading an event to its effects being done.")
    }
}
