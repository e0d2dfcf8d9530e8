import ClusterAPI
import CoordinatorCore
import Discord
import Foundation

/// A coordinator's core whose store and broker say yes at once, and members that run what they are granted.
struct CoreFleet {
    private let application: Snowflake
    private var core: CoordinatorCore
    private let date = Date(timeIntervalSince1970: 1_700_000_000)
    private var requests = 0
    private var renewals: [String: LeaseRenewal] = [:]
    var now: Duration = .zero
    /// What each event took, in milliseconds.
    var events: [Double] = []
    /// A member was cut off, and what it had was given to others.
    private(set) var hasLost = false

    init(application: Snowflake) {
        self.application = application
        self.core = CoordinatorCore(
            policy: ClusterPolicy(), leader: "bench", leaderEpoch: 1, loaded: LoadedState(),
            leadsUntil: .seconds(1_000_000), now: .zero)
        self.event { $0.brokerChanged(isReady: true, now: $1) }
    }

    /// Slots that somebody is granted.
    var slots: Int { self.core.state.slots.values.count { $0.owner != nil } }

    private mutating func event(_ body: (inout CoordinatorCore, Duration) -> Void) {
        let start = ContinuousClock.now
        body(&self.core, self.now)
        self.events.append((ContinuousClock.now - start) / .milliseconds(1))
        while self.core.hasEffects {
            for effect in self.core.takeEffects() {
                switch effect {
                case .save(let batch): self.event { $0.saved(batch.number, now: $1) }
                case .admit(let owner): self.event { $0.admitted(owner, now: $1) }
                case .fence(let owner):
                    self.event { $0.fenced(owner, now: $1) }
                    self.hasLost = true
                case .takePermit, .answer, .log, .stepDown: break
                }
            }
        }
    }

    private mutating func ask(_ body: (inout CoordinatorCore, Int, Duration) -> Void) {
        self.requests += 1
        let request = self.requests
        self.event { body(&$0, request, $1) }
    }

    mutating func join(_ id: String, zone: String) {
        let registration = MemberRegistration(id: id, kind: .shard, capacity: 60, zone: zone, version: "1")
        let date = self.date
        self.ask { $0.registerRequested($1, registration, now: $2, date: date) }
    }

    mutating func found(shards: Int, maxConcurrency: Int) {
        let found = DiscordApplication(
            id: self.application, name: "bench", gatewayURL: "wss://gateway", recommendedShards: shards,
            sessionStartTotal: 100_000, sessionStartRemaining: 100_000, sessionStartResetsAfter: .seconds(80_000),
            maxConcurrency: maxConcurrency)
        let date = self.date
        self.event { $0.applicationFound(found, shards: shards, intents: 1, askedAt: $1, now: $1, date: date) }
    }

    /// What it tells from now on: all that it is granted is up.
    mutating func prepareRenewal(_ id: String) {
        let slots = self.core.state.desired(for: id).slots.map { grant in
            ObservedSlot(
                slot: grant.slot, epoch: grant.epoch, status: .ready,
                session: SessionState(
                    sessionID: "\(grant.slot.shard)-c5ab0d1f4ec2441b9ef0", resumeURL: "wss://gateway", sequence: 5),
                guilds: 1_000, eventsPerSecond: 20, acknowledgedMilliseconds: 0)
        }
        self.renewals[id] = LeaseRenewal(incarnation: 1, appliedVersion: 0, waitMilliseconds: 0, slots: slots)
    }

    mutating func renew(_ id: String) {
        guard let renewal = self.renewals[id] else { return }
        let date = self.date
        self.ask { $0.renewRequested($1, member: id, renewal, now: $2, date: date) }
    }

    mutating func tick() {
        self.now += .milliseconds(250)
        let date = self.date
        self.event { $0.ticked(now: $1, date: date) }
    }
}
