import Runtime

/// What `/metrics` tells of the sandbox.
struct SandboxMetrics: Sendable {
    let registry: MetricRegistry
    let dispatches: Counter
    let identifies: Counter
    let refusedIdentifies: Counter
    let resumes: Counter
    let refusedResumes: Counter
    let ignoredPresences: Counter
    let faults: Counter
    let traffic: Counter
    private let requests: [Int: Counter]

    init(_ registry: MetricRegistry = MetricRegistry()) {
        self.registry = registry
        self.dispatches = registry.counter(
            "flotilla_sandbox_dispatches_total", help: "Events numbered in gateway sessions.")
        let (identifies, resumes) = ("flotilla_sandbox_identifies_total", "flotilla_sandbox_resumes_total")
        self.identifies = registry.counter(identifies, help: "Identifies by outcome.", labels: ["outcome": "taken"])
        self.refusedIdentifies = registry.counter(
            identifies, help: "Identifies by outcome.", labels: ["outcome": "refused"])
        self.resumes = registry.counter(resumes, help: "Resumes by outcome.", labels: ["outcome": "taken"])
        self.refusedResumes = registry.counter(resumes, help: "Resumes by outcome.", labels: ["outcome": "refused"])
        self.ignoredPresences = registry.counter(
            "flotilla_sandbox_presence_updates_ignored_total", help: "Presence updates beyond 5 in 20 s.")
        self.faults = registry.counter("flotilla_sandbox_faults_total", help: "Faults that were let happen.")
        self.traffic = registry.counter(
            "flotilla_sandbox_traffic_total", help: "Things that traffic let happen in the generated world.")
        self.requests = Dictionary(
            uniqueKeysWithValues: (2...5).map { status in
                let labels = ["status": "\(status)xx"]
                let counter = registry.counter(
                    "flotilla_sandbox_rest_requests_total", help: "REST answers by class of status.", labels: labels)
                return (status, counter)
            })
    }

    func countRequest(status: Int) { self.requests[status / 100]?.increment() }

    /// Adds what the hub is asked for at each scrape. The hub owns the registry, so it is held weakly.
    func observe(_ hub: Hub) {
        self.registry.gauge("flotilla_sandbox_gateway_sessions", help: "Gateway sessions, with or without a client.") {
            [weak hub] in
            Double(hub?.withState { $0.sessions.count } ?? 0)
        }
        self.registry.gauge("flotilla_sandbox_gateway_connections", help: "Gateway sessions with a client.") {
            [weak hub] in
            Double(hub?.withState { $0.connections.count } ?? 0)
        }
    }
}
