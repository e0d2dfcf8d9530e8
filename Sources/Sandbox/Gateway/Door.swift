import Gateway

/// What new connections meet: for a time, the faults that were set. A pure value.
struct Door: Sendable {
    enum Greeting: Sendable, Equatable {
        case hello
        /// Hello never comes.
        case nothing
        /// Op 7 in place of Hello.
        case reconnect
    }

    /// Which listener a request came to.
    enum Entrance: String, Sendable, CaseIterable {
        case gateway
        /// The one that READY names for RESUME, where there is one of its own.
        case resume
    }

    private struct Refusal: Sendable {
        let status: Int
        let entrances: Set<Entrance>
        let until: ContinuousClock.Instant
    }

    private struct Unkindness: Sendable {
        let greeting: Greeting
        let until: ContinuousClock.Instant
    }

    private var refusal: Refusal?
    private var unkindness: Unkindness?

    /// Answers upgrades with an HTTP status (400 to 599) until then.
    mutating func refuse(status: Int, at entrances: Set<Entrance>, until: ContinuousClock.Instant) {
        self.refusal = Refusal(status: status, entrances: entrances, until: until)
    }

    mutating func greet(with greeting: Greeting, until: ContinuousClock.Instant) {
        self.unkindness = Unkindness(greeting: greeting, until: until)
    }

    mutating func reset() { self = Door() }

    func admission(at entrance: Entrance, now: ContinuousClock.Instant) -> GatewayAdmission {
        guard let refusal, now < refusal.until, refusal.entrances.contains(entrance) else { return .accept }
        return .refuse(status: refusal.status, message: "The gateway is not available.")
    }

    func greeting(now: ContinuousClock.Instant) -> Greeting {
        if let unkindness, now < unkindness.until { unkindness.greeting } else { .hello }
    }
}
