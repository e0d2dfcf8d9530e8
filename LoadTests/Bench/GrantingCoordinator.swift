import ClusterAPI
import Discord
import Shard
import Synchronization

/// A coordinator that grants one member a fixed set of slots, and every IDENTIFY at once.
final class GrantingCoordinator: MemberCoordinator {
    static let application = Snowflake(rawValue: 1_100_000_000_000_000_001)

    private let exchange: String
    private let grants: [SlotGrant]
    private let told = Mutex<[ObservedSlot]>([])

    /// - Parameter exchange: what the member publishes to; it exists.
    init(slots: Int, gatewayURL: String, exchange: String) {
        self.exchange = exchange
        self.grants = (0..<slots).map { shard in
            SlotGrant(
                slot: Slot(application: Self.application, generation: 1, shard: shard), numShards: slots, epoch: 1,
                intents: 53_608_447, gatewayURL: gatewayURL, session: nil)
        }
    }

    /// What the member told last.
    var observed: [ObservedSlot] { self.told.withLock { $0 } }

    func register(_ registration: MemberRegistration) async throws(Failure) -> MemberRegistered {
        MemberRegistered(
            incarnation: 1, leaseMilliseconds: 60_000, renewMilliseconds: 1_000, exchange: self.exchange)
    }

    func renew(_ renewal: LeaseRenewal, member: String) async throws(Failure) -> DesiredState {
        self.told.withLock { $0 = renewal.slots }
        return DesiredState(version: 1, slots: self.grants, lanes: [])
    }

    func attend(_ attendance: Attendance, member: String) async throws(Failure) {
        // Until the member no longer attends.
        try? await Task.sleep(for: .seconds(3600))
    }

    func deregister(_ final: LeaseRenewal, member: String) async throws(Failure) {}

    func permit(_ request: PermitRequest) async throws(Failure) -> PermitAnswer {
        PermitAnswer(validMilliseconds: 10_000, retryAfterMilliseconds: nil, reason: nil)
    }
}
