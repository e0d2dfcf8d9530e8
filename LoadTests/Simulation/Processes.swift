import ClusterAPI
import CoordinatorCore
import Discord

/// A process that may die, stand still, and have a clock that runs wrong.
class Process {
    let node: Int
    let name: String
    /// Counts its lives: what was meant for an earlier one is not heard.
    var life = 0
    var isUp = false
    var pausedUntil: VirtualTime = 0
    /// What came while it stood still.
    var backlog: [Simulation.Item] = []
    private var bootedAt: VirtualTime = 0
    private let clockRate: Double

    init(node: Int, name: String, clockRate: Double) {
        self.node = node
        self.name = name
        self.clockRate = clockRate
    }

    func boot(at time: VirtualTime) {
        self.life += 1
        self.isUp = true
        self.bootedAt = time
        self.backlog = []
        self.pausedUntil = 0
    }

    /// What its monotonic clock shows.
    func local(_ time: VirtualTime) -> Duration {
        .microseconds(Int64(Double(time - self.bootedAt) * self.clockRate))
    }

    /// When its clock will have gone on by so much.
    func after(_ duration: Duration, from time: VirtualTime) -> VirtualTime {
        time + Int64(Double(duration.microseconds) / self.clockRate) + 1
    }
}

extension Duration {
    var microseconds: Int64 {
        let parts = self.components
        return parts.seconds * 1_000_000 + parts.attoseconds / 1_000_000_000_000
    }
}

final class CoordinatorProcess: Process {
    /// Where an answer of the core goes.
    struct Caller {
        let member: Int
        let life: Int
        let call: Int
    }

    var term = LeaderTerm(now: .zero)
    var core: CoordinatorCore?
    var callers: [Int: Caller] = [:]
    var requests = 0
    /// What operators asked for.
    var operations: [Int: OperatorRequest.Name] = [:]
    /// Questions to PostgreSQL and the broker without an answer yet.
    var open: [Int: Open] = [:]
    var questions = 0
    var hasBroker = false
    /// Read before it leads: a planted bug.
    var earlyState: LoadedState?
    /// When a bucket was used: a planted bug.
    var permits: [Simulation.Bucket: VirtualTime] = [:]

    enum Open {
        case ask, renew, load, resign
        case save(Int)
        case permit(Int)
        case admit(ClusterState.Owner)
        case fence(ClusterState.Owner)

        /// Goes through one of several connections; the lease has its own.
        var isPooled: Bool {
            switch self {
            case .load, .save, .permit: true
            case .ask, .renew, .resign, .admit, .fence: false
            }
        }
    }

    override func boot(at time: VirtualTime) {
        super.boot(at: time)
        self.term = LeaderTerm(now: .zero)
        self.core = nil
        self.callers = [:]
        self.operations = [:]
        self.open = [:]
        self.hasBroker = false
        self.earlyState = nil
        self.permits = [:]
    }
}

/// A shard process as its coordinator, its broker and Discord see it (`Sources/Shard`).
final class MemberProcess: Process {
    enum Call {
        case register
        case renew(told: [ObservedSlot], askedAt: VirtualTime, hold: VirtualTime)
        case permit(SlotRun, askedAt: Duration)
        case leave
    }

    let kind: MemberKind
    let capacity: Int
    let zone: String
    var incarnation: Int?
    var calls: [Int: Call] = [:]
    var lastCall = 0
    /// The coordinator that answered last.
    var coordinator = 0
    var failures = 0
    var registrations = 0
    var applied = 0
    var renewals = 0
    var renewsAt = 0
    /// When it last held its lease for certain, by its own clock.
    var leaseHeldAt: Duration?
    /// In the order of their slots.
    var slots: [SlotRun] = []
    var publishing: [GenerationPublishing] = []
    var isLeaving = false
    var comesBack: VirtualTime?

    // The broker connection: one stream each way.
    var connection = 0
    var isConnected = false
    var lastToBroker: VirtualTime = 0
    var lastFromBroker: VirtualTime = 0

    init(node: Int, name: String, kind: MemberKind, capacity: Int, zone: String, clockRate: Double) {
        self.kind = kind
        self.capacity = capacity
        self.zone = zone
        super.init(node: node, name: name, clockRate: clockRate)
    }

    override func boot(at time: VirtualTime) {
        super.boot(at: time)
        self.incarnation = nil
        self.calls = [:]
        self.coordinator = 0
        self.failures = 0
        self.registrations = 0
        self.slots = []
        self.isLeaving = false
        self.comesBack = nil
        self.connection += 1
        self.isConnected = false
    }

    var owner: ClusterState.Owner? { self.incarnation.map { .init(member: self.name, incarnation: $0) } }

    func slot(_ slot: Slot) -> SlotRun? { self.slots.first { $0.grant.slot == slot } }

    func publishes(lane: Int, of slot: Slot) -> Bool {
        guard !self.publishing.isEmpty,
            let plan = self.publishing.first(where: {
                $0.application == slot.application && $0.generation == slot.generation
            })
        else { return true }
        return plan.lanes.contains(lane)
    }
}

/// One slot that a member runs.
final class SlotRun {
    enum State: Equatable {
        case connecting, waitingForPermit, waitingForStanding, identifying, resuming, ready, backingOff, stopped
    }

    /// What is on its way to the broker, in order.
    enum Item {
        case event(session: Session, sequence: Int, content: Int)
        /// An event that this generation does not publish: settled once all before it is.
        case muted(session: Session, sequence: Int)
        case gap(Gap)
    }

    struct Gap {
        let session: Session?
        let record: SessionGap
    }

    let grant: SlotGrant
    let node: Int
    let owner: ClusterState.Owner
    var state = State.connecting
    var connection: GatewayLink?
    var timer = 0
    var failures = 0
    var unansweredResumes = 0
    var permitCall: Int?
    /// By its process' clock: since when it is asked, on this connection, whether the slot is still the process'.
    var standingSince: Duration?
    /// And when it was asked that is not answered yet.
    var standingAskedAt: Duration?
    /// The one at Discord now.
    var session: Session?
    var received = 0
    var watermark = 0
    /// When the last heartbeat was sent that was acknowledged.
    var acknowledged: VirtualTime?
    /// Lost ones whose gap record is not confirmed yet, each with its watermark.
    var lost: [(session: Session?, watermark: Int)] = []
    /// Gap records that a queue has, and that the coordinator may not know of.
    var gapsToTell: [SessionGap] = []
    var items: [Item] = []
    /// So many of `items` are on their way to the broker.
    var sent = 0
    /// Events that were not published and may have to be, after a lane's switch.
    var muted: [(at: VirtualTime, session: Session, sequence: Int, content: Int)] = []
    var isReading = true
    /// A hand-over was asked for.
    var isReleasing = false
    var isReleased = false
    /// Let go though not everything was confirmed.
    var isForced = false

    init(_ grant: SlotGrant, node: Int, owner: ClusterState.Owner) {
        self.grant = grant
        self.node = node
        self.owner = owner
    }
}

/// A session as Discord has it.
final class Session {
    let id: Int
    let slot: Slot
    let numShards: Int
    var contents: [Int] = []
    /// Events that a queue has, or that were muted.
    var settled: [Bool] = []
    private(set) var settledPrefix = 0
    var link: GatewayLink?
    var disconnectedAt: VirtualTime = 0
    var isValid = true
    /// A process that may publish has got its READY. One that nobody knows of has nothing to lose.
    var wasReady = false
    /// Events up to it can't be replayed any more.
    var trimmed = 0
    /// A queue has the record that tells of its end.
    var isMourned = false

    init(id: Int, slot: Slot, numShards: Int) {
        self.id = id
        self.slot = slot
        self.numShards = numShards
    }

    var sequence: Int { self.contents.count }
    var name: String { "S\(self.id)" }

    func settle(_ sequence: Int) {
        self.settled[sequence - 1] = true
        while self.settledPrefix < self.settled.count, self.settled[self.settledPrefix] { self.settledPrefix += 1 }
    }
}

/// A gateway connection: a stream each way.
final class GatewayLink {
    let run: SlotRun
    let node: Int
    let life: Int
    var session: Session?
    var isOpen = true
    var beats = 0
    var lastToDiscord: VirtualTime = 0
    var lastToMember: VirtualTime = 0

    init(_ run: SlotRun, node: Int, life: Int) {
        self.run = run
        self.node = node
        self.life = life
    }
}
