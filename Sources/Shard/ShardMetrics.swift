package import Runtime

/// What a shard process counts. Labels are few: never a guild, a slot or an event type.
package final class ShardMetrics: Sendable {
    let events: Counter
    let eventBytes: Counter
    let filtered: Counter
    let muted: Counter
    let repeated: Counter
    let messages: Counter
    let confirmed: Counter
    let nacked: Counter
    let returned: Counter
    let republished: Counter
    let confirmSeconds: Histogram
    let confirmStalls: Counter
    let gaps: Counter
    let planInvalid: Gauge
    let brokerBlocked: Gauge
    let bufferedBytes: Gauge
    let identifies: Counter
    let resumes: Counter
    let sessionsLost: Counter
    let reconnects: Counter
    let malformed: Counter
    let pauses: Counter
    let fences: Counter
    let deafSockets: Counter
    let commands: Counter
    let refusedCommands: Counter
    let droppedAnswers: Counter
    let slotsReady: Gauge
    let slots: Gauge

    package init(_ registry: MetricRegistry) {
        self.events = registry.counter("flotilla_shard_events_total", help: "Dispatches received.")
        self.eventBytes = registry.counter(
            "flotilla_shard_event_bytes_total", help: "Bytes of messages received, inflated.")
        self.filtered = registry.counter(
            "flotilla_shard_events_filtered_total", help: "Dispatches that the publish plan drops.")
        self.muted = registry.counter(
            "flotilla_shard_events_muted_total",
            help: "Dispatches that another generation publishes, while the shard count is changed.")
        self.repeated = registry.counter(
            "flotilla_shard_events_repeated_total", help: "Dispatches replayed though received before.")
        self.messages = registry.counter("flotilla_shard_messages_total", help: "Messages sent to the broker.")
        self.confirmed = registry.counter(
            "flotilla_shard_events_confirmed_total", help: "Events that the broker confirmed.")
        self.nacked = registry.counter(
            "flotilla_shard_messages_nacked_total", help: "Messages that the broker refused.")
        self.returned = registry.counter(
            "flotilla_shard_messages_returned_total", help: "Messages that reached no queue.")
        self.republished = registry.counter(
            "flotilla_shard_messages_republished_total", help: "Messages sent again after their channel was lost.")
        self.confirmSeconds = registry.histogram("flotilla_shard_confirm_seconds", help: "From publish to confirm.")
        self.confirmStalls = registry.counter(
            "flotilla_shard_confirm_stalls_total", help: "Times that confirms did not come and a channel was given up.")
        self.gaps = registry.counter(
            "flotilla_shard_gaps_total", help: "Gap records that every lane has.")
        self.brokerBlocked = registry.gauge(
            "flotilla_shard_broker_blocked",
            help: "Broker connections, one for each event loop, that take no publishes.")
        self.planInvalid = registry.gauge(
            "flotilla_shard_plan_invalid", help: "1 while the publish plan's file can't be used.")
        self.bufferedBytes = registry.gauge("flotilla_shard_buffered_bytes", help: "Bytes of events not yet confirmed.")
        self.identifies = registry.counter("flotilla_shard_identifies_total", help: "IDENTIFYs sent.")
        self.resumes = registry.counter("flotilla_shard_resumes_total", help: "RESUMEs sent.")
        self.sessionsLost = registry.counter(
            "flotilla_shard_sessions_lost_total", help: "Sessions that could not be resumed.")
        self.reconnects = registry.counter("flotilla_shard_connects_total", help: "Gateway connections tried.")
        self.malformed = registry.counter(
            "flotilla_shard_malformed_payloads_total", help: "Gateway payloads that broke the protocol.")
        self.pauses = registry.counter(
            "flotilla_shard_pauses_total", help: "Times that sockets were left unread for lack of room.")
        self.fences = registry.counter(
            "flotilla_shard_fences_total", help: "Times that the broker had cut this process off.")
        self.deafSockets = registry.counter(
            "flotilla_shard_deaf_sockets_total",
            help: "Connections that answered heartbeats but were silent against their norm.")
        self.commands = registry.counter("flotilla_shard_commands_total", help: "Commands received from the broker.")
        self.refusedCommands = registry.counter(
            "flotilla_shard_commands_refused_total", help: "Commands answered with an error.")
        self.droppedAnswers = registry.counter(
            "flotilla_shard_command_answers_dropped_total", help: "Answers that there was no channel or room for.")
        self.slotsReady = registry.gauge("flotilla_shard_slots_ready", help: "Slots whose session is live.")
        self.slots = registry.gauge("flotilla_shard_slots", help: "Slots granted to this process.")
    }
}
