import Runtime

struct WorkerMetrics: Sendable {
    let events: Counter
    let parked: Counter
    let parkingRefused: Counter
    let gaps: Counter
    let repeats: Counter
    let interactionRepeats: Counter
    let interactionsUnclaimed: Counter
    let delay: Histogram

    init(_ registry: MetricRegistry) {
        self.events = registry.counter("flotilla_worker_events_total", help: "Events handled.")
        self.parked = registry.counter(
            "flotilla_worker_parked_total", help: "Events and messages put into the parking queue.")
        self.parkingRefused = registry.counter(
            "flotilla_worker_parking_refused_total", help: "Times that the parking queue did not take an event.")
        self.gaps = registry.counter(
            "flotilla_worker_gaps_total", help: "Gap records read from lanes, one a lane for each lost session.")
        self.repeats = registry.counter(
            "flotilla_worker_overlap_repeats_total",
            help: "Events that two generations published, while a shard count was changed, taken as one.")
        self.interactionRepeats = registry.counter(
            "flotilla_worker_interaction_repeats_total",
            help: "Interactions not run, since another delivery of them was taken already.")
        self.interactionsUnclaimed = registry.counter(
            "flotilla_worker_interactions_unclaimed_total",
            help: "Interactions run without a claim, since Redis did not answer.")
        self.delay = registry.histogram(
            "flotilla_worker_event_delay_seconds", help: "From the shard reading an event to its effects being done.")
    }
}
