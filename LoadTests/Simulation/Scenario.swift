import ClusterAPI
import CoordinatorCore
import Discord

/// What a seed decides before anything happens.
struct Scenario {
    /// All faults are over by then, and everything has to recover.
    static let faultsEnd: VirtualTime = 66_000_000
    static let trafficEnds: VirtualTime = 112_000_000
    static let end: VirtualTime = 120_000_000
    /// For a slot that is on the move for balance just then, as after a reshard that was rolled back late.
    static let latestEnd: VirtualTime = 125_000_000

    struct Application {
        let id: Snowflake
        let numShards: Int
        let maxConcurrency: Int
        let sessionStarts: Int
        let remainingStarts: Int
        /// When Discord's count starts anew.
        let startsResetAt: VirtualTime
        let guilds: Int
    }

    let applications: [Application]
    let shardMembers: Int
    let workers: Int
    let capacity: Int
    let eventsPerSecond: Double
    let policy: ClusterPolicy
    /// The same without a planted bug: what the checks hold against.
    let soundPolicy: ClusterPolicy
    /// Discord forgets what heartbeats acknowledged.
    let trimsAtHeartbeats: Bool
    let replayBuffer: Int
    /// What of each kind of request is sent twice.
    let duplicates: Double
    /// What part of the requests and answers is lost.
    let losses: Double
    /// The longest way of a request to the coordinator and to PostgreSQL, in seconds.
    let slowestWay: Double
    /// Requests are slow from the beginning, while every slot IDENTIFYs.
    let beginsSlowly: Bool
    /// How far clocks run wrong at the most, as a part of the time.
    let clockDrift: Double
    /// The longest time between two questions to Discord for the session start limit, in seconds.
    let discovery: Double
    /// Moments at which a process dies or stands still, and how many of each pass before.
    let moments: [Moment: Int]
    /// For a planted bug: members use permits for so much longer than the coordinator knows.
    let unknownValidity: Duration
    let reshardAt: VirtualTime?
    let reshardTo: Int

    init(_ random: inout SimulationRandom, bug: PlantedBug?) {
        let shards = [2, 3, 4, 6, 8][random.below(5)]
        var applications: [Application] = []
        for number in 0..<(random.chance(0.15) ? 2 : 1) {
            let count = number == 0 ? shards : 2
            // At most four waves of IDENTIFYs.
            let concurrency = [1, 2, 4, 16].filter { ($0 * 4) >= count }
            let isTight = random.chance(0.2)
            let total = isTight ? 40 + random.below(20) : 1_000
            applications.append(
                Application(
                    id: Snowflake(rawValue: UInt64(1_000 + number)), numShards: count,
                    maxConcurrency: concurrency[random.below(concurrency.count)], sessionStarts: total,
                    remainingStarts: isTight ? total / 5 + 1 + count + random.below(count) : total - random.below(300),
                    startsResetAt: isTight ? random.time(50, 66) : 86_400_000_000, guilds: 3 * count))
        }
        self.applications = applications
        self.shardMembers = 2 + random.below(3)
        self.workers = random.chance(0.3) ? 2 : 0
        self.capacity = 40
        self.eventsPerSecond = [5.0, 15, 30][random.below(3)]
        self.trimsAtHeartbeats = random.chance(0.3)
        self.replayBuffer = random.chance(0.2) ? 40 : 1_000
        self.duplicates = random.chance(0.5) ? 0.02 : 0
        self.losses = random.chance(0.3) ? 0.005 : 0
        self.slowestWay = [0.003, 0.02, 0.2][random.below(3)]
        self.beginsSlowly = random.chance(0.15)
        self.clockDrift = random.chance(0.3) ? 0.005 : 0.0005
        self.discovery = [1.5, 5, 30][random.below(3)]
        var moments: [Moment: Int] = [:]
        if random.chance(0.5) {
            for _ in 0...random.below(3) {
                let moment = Moment.lots[random.below(Moment.lots.count)]
                moments[moment] = random.below(moment.isRare ? 3 : 12)
            }
        }
        self.moments = moments
        let isResharded = random.chance(0.3) || bug?.needsReshard == true
        self.reshardAt = isResharded ? random.time(18, 40) : nil
        self.reshardTo = random.chance(0.7) ? shards * 2 : max(1, shards / 2)

        var policy = ClusterPolicy()
        policy.lanes = 4
        // A fleet this small does not queue, and virtual time goes faster.
        policy.tick = .milliseconds(250)
        policy.identify.stableAfter = .seconds(5)
        policy.identify.firstBackoff = .seconds(2)
        policy.identify.longestBackoff = .seconds(6)
        policy.identify.firstBrake = .seconds(5)
        policy.identify.longestBrake = .seconds(8)
        policy.identify.probe = .seconds(5)
        policy.identify.brakeWindow = .seconds(15)
        policy.identify.brakeFailures = 5
        policy.identify.longestWait = .seconds(10)
        policy.reshard.overlap = .seconds(3)
        policy.reshard.way = .milliseconds(750)
        policy.reshard.warmUp = .seconds(1)
        policy.reshard.identifySlack = .seconds(20)
        policy.reshard.patience = .seconds(12)
        policy.reshard.settle = .seconds(1)
        self.unknownValidity = bug == .spacingWithoutValidity ? .milliseconds(1_500) : .zero
        self.soundPolicy = policy
        switch bug {
        case .stormBrakeOff: policy.identify.brakeFailures = .max
        case .spacingWithoutValidity:
            policy.identify.validity = .zero
            policy.identify.hold = .zero
        case .noReserve: policy.identify.reserve = 0
        case .reshardWithoutOverlap:
            policy.reshard.overlap = .zero
            policy.reshard.way = .zero
        default: break
        }
        self.policy = policy
    }
}
