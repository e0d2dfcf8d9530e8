import ClusterAPI
import CoordinatorCore
import Discord
import Foundation

/// One schedule: coordinators that run the real core, and models of everything around them, under virtual time. One
/// thread, one random sequence: the same seed does the same, step by step.
package final class Simulation {
    struct Bucket: Hashable {
        let application: Snowflake
        let number: Int
    }

    /// Something that happens at a process, or (without one) in the world.
    struct Item {
        let node: Int
        /// The life it is meant for; -1: whichever there is.
        let life: Int
        let event: Event
    }

    enum Event {
        // Processes
        case starts, continues
        // Coordinators
        case leaderTimer, tick, discover
        case discovered([DiscordApplication], askedAt: Duration)
        case request(Request)
        case answered(question: Int, Outcome)
        case brokerConnects, brokerLost
        // Members
        case memberTimer(MemberTimer)
        case reply(call: Int, Result<CoordinatorCore.Answer, Problem>)
        case confirmed(connection: Int, SlotRun, count: Int)
        case standingHeld(StandingQuestion)
        case cutOff(connection: Int)
        case slotTimer(SlotRun, timer: Int)
        case heartbeat(GatewayLink, number: Int)
        case gateway(GatewayLink, FromDiscord)
        // Servers
        case atDatabase(DatabaseQuestion)
        case atBroker(BrokerQuestion)
        case published(Message)
        case asksStanding(StandingQuestion)
        case atDiscord(GatewayLink, ToDiscord)
        // The world
        case traffic, look, heal(Healing), operation, operates(OperatorRequest), ends
        case fault(FaultKind)
        /// A process dies or stands still at a moment that matters.
        case moment(MomentFault)
    }

    enum MemberTimer {
        case register, renew(number: Int), leave, brokerConnects
        case callTimeout(Int)
    }

    struct Request {
        enum Body {
            case register(MemberRegistration)
            case renew(String, LeaseRenewal)
            case leave(String, LeaseRenewal)
            case permit(PermitRequest)
        }

        let body: Body
        let caller: CoordinatorProcess.Caller
    }

    /// What a coordinator hears from PostgreSQL or the broker.
    enum Outcome {
        case asked(epoch: Int64?)
        case renewed(Bool)
        case saved
        case notSaved(isLeadershipLost: Bool)
        case permit(wait: Duration?)
        case noPermit(isLeadershipLost: Bool)
        case loaded(LoadedState)
        case done
        case failed
    }

    struct DatabaseQuestion {
        enum Body {
            case ask(holder: String)
            case renew(epoch: Int64)
            case load
            /// A leader that stops lets go.
            case resign(epoch: Int64)
            case save(StateBatch, epoch: Int64)
            case permit(Bucket, epoch: Int64)
            /// The second half of a planted bug.
            case takePermit(Bucket)
        }

        let node: Int
        let life: Int
        let question: Int
        /// Of PostgreSQL: a fail-over ends every connection.
        let incarnation: Int
        let body: Body
    }

    struct BrokerQuestion {
        enum Body {
            case admit(ClusterState.Owner)
            case fence(ClusterState.Owner)
        }

        let node: Int
        let life: Int
        let question: Int
        let incarnation: Int
        let body: Body
    }

    /// What a member publishes in one go.
    struct Message {
        let node: Int
        let life: Int
        let connection: Int
        let owner: ClusterState.Owner
        let run: SlotRun
        let items: [SlotRun.Item]
    }

    /// A member asks whether the broker still listens to a life, for a slot that is about to RESUME.
    struct StandingQuestion {
        let node: Int
        let life: Int
        let connection: Int
        let owner: ClusterState.Owner
        let link: GatewayLink
        let askedAt: Duration
    }

    enum ToDiscord {
        case connect, close
        case identify(sentAt: VirtualTime)
        case resume(Session?, sequence: Int, sentAt: VirtualTime)
        case heartbeat(Int, sentAt: VirtualTime)
    }

    enum FromDiscord {
        case hello, resumed, invalidSession, reconnect, closed
        case acknowledged(sentAt: VirtualTime)
        case ready(Session)
        /// Events of a session, from the first to the last.
        case events(Session, first: Int, last: Int)
    }

    enum Healing {
        case link(Int, Int), database, broker, slowBroker, slowDatabase, stuckConnections, slowRequests, identifies
    }

    let seed: UInt64
    let bug: PlantedBug?
    let scenario: Scenario
    var random: SimulationRandom
    var now: VirtualTime = 0
    var queue = EventQueue<Item>()
    var result: ScheduleResult
    let isTracing: Bool

    // Nodes: coordinators, members, then the servers.
    let coordinators: [CoordinatorProcess]
    let members: [MemberProcess]
    let databaseNode: Int
    let brokerNode: Int
    let discordNode: Int
    static let world = -1

    var network: NetworkModel
    var database = DatabaseModel()
    var broker = BrokerModel()
    var discord: DiscordModel
    var checks = CheckState()
    /// When processes die at moments that matter: how many of those have to pass yet.
    var moments: [Moment: Int]
    var isQuiet: Bool { self.now >= Scenario.faultsEnd }
    let date = Date(timeIntervalSince1970: 1_700_000_000)

    /// - Parameter isTracing: keeps the last lines of what happened, for people.
    package init(seed: UInt64, bug: PlantedBug? = nil, isTracing: Bool = false) {
        self.seed = seed
        self.bug = bug
        self.isTracing = isTracing
        self.random = SimulationRandom(seed: seed)
        self.scenario = Scenario(&self.random, bug: bug)
        self.result = ScheduleResult(seed: seed)
        self.moments = self.scenario.moments
        var random = self.random
        let drift = self.scenario.clockDrift
        func rate() -> Double { 1 + (random.fraction() - 0.5) * 2 * drift }
        self.coordinators = (0..<2).map { CoordinatorProcess(node: $0, name: "c\($0)", clockRate: rate()) }
        var members: [MemberProcess] = []
        for number in 0..<self.scenario.shardMembers {
            members.append(
                MemberProcess(
                    node: 2 + members.count, name: "s\(number)", kind: .shard, capacity: self.scenario.capacity,
                    zone: number % 2 == 0 ? "a" : "b", clockRate: rate()))
        }
        for number in 0..<self.scenario.workers {
            members.append(
                MemberProcess(
                    node: 2 + members.count, name: "w\(number)", kind: .worker, capacity: 100, zone: "a",
                    clockRate: rate()))
        }
        self.members = members
        self.random = random
        self.databaseNode = 2 + members.count
        self.brokerNode = self.databaseNode + 1
        self.discordNode = self.databaseNode + 2
        self.network = NetworkModel(nodes: self.databaseNode + 3)
        self.discord = DiscordModel(self.scenario)
    }

    /// Runs the schedule to its end, or to what must not be.
    package func run() -> ScheduleResult {
        do throws(Violation) {
            self.begin()
            while let next = self.queue.pop() {
                self.now = next.time
                self.result.steps += 1
                if case .ends = next.event.event {
                    guard self.notWhole != nil, self.now < Scenario.latestEnd else { break }
                    self.after(500_000, Self.world, 0, .ends)
                    continue
                }
                try self.handle(next.event)
                try self.checkStep()
            }
            try self.checkEnd()
        } catch {
            self.result.violation = error
            self.trace("VIOLATION \(error)")
        }
        return self.result
    }

    private func begin() {
        for coordinator in self.coordinators {
            self.at(self.random.time(0, 0.5), coordinator.node, -1, .starts)
        }
        for member in self.members { self.at(self.random.time(0.2, 3), member.node, -1, .starts) }
        self.at(self.random.time(1, 2), Self.world, 0, .traffic)
        self.at(Scenario.faultsEnd, Self.world, 0, .look)
        self.planFaults()
        self.planOperations()
        if let reshardAt = self.scenario.reshardAt, let application = self.scenario.applications.first {
            self.at(
                reshardAt, Self.world, 0,
                .operates(
                    OperatorRequest(.reshard, application: application.id, shards: self.scenario.reshardTo)))
        }
        self.at(Scenario.end, Self.world, 0, .ends)
    }

    // MARK: Time

    func at(_ time: VirtualTime, _ node: Int, _ life: Int, _ event: Event) {
        self.queue.push(Item(node: node, life: life, event: event), at: max(time, self.now))
    }

    func after(_ delay: VirtualTime, _ node: Int, _ life: Int, _ event: Event) {
        self.at(self.now + delay, node, life, event)
    }

    func process(_ node: Int) -> Process? {
        if node < 0 { return nil }
        if node < 2 { return self.coordinators[node] }
        return node < self.databaseNode ? self.members[node - 2] : nil
    }

    private func handle(_ item: Item) throws(Violation) {
        self.digest(UInt64(bitPattern: self.now))
        self.digest(UInt64(bitPattern: Int64(item.node)))
        self.digest(self.random.state)
        guard item.node >= 0, item.node < self.databaseNode else { return try self.handleElsewhere(item) }
        guard let process = self.process(item.node) else { return }
        switch item.event {
        case .starts:
            guard !process.isUp else { return }
            process.boot(at: self.now)
            if let coordinator = process as? CoordinatorProcess { self.start(coordinator) }
            if let member = process as? MemberProcess { self.start(member) }
            return
        case .continues:
            guard process.isUp, process.life == item.life, process.pausedUntil <= self.now else { return }
            let backlog = process.backlog
            process.backlog = []
            self.trace("\(process.name) goes on, \(backlog.count) things waited")
            for item in backlog { self.queue.push(item, at: self.now) }
            return
        default: break
        }
        if process.isUp, process.pausedUntil > self.now, item.life < 0 || item.life == process.life {
            process.backlog.append(item)
            return
        }
        if item.node < 2 {
            try self.handle(item, at: self.coordinators[item.node])
        } else {
            guard process.isUp, item.life == process.life else { return }
            try self.handle(item.event, at: self.members[item.node - 2])
        }
    }

    private func handleElsewhere(_ item: Item) throws(Violation) {
        switch item.event {
        case .atDatabase(let question): try self.answer(question)
        case .atBroker(let question): try self.answer(question)
        case .published(let message): try self.publish(message)
        case .asksStanding(let question): self.answer(question)
        case .atDiscord(let link, let what): try self.gatewayReceived(what, on: link)
        case .traffic: self.dispatchTraffic()
        case .look: self.lookWhetherWhole()
        case .fault(let kind): self.strike(kind)
        case .moment(let fault): self.strike(fault)
        case .operation: try self.askForSomething()
        case .heal(let healing): self.heal(healing)
        case .operates(let request): try self.operate(request)
        default: break
        }
    }

    // MARK: What is kept of it

    private func digest(_ value: UInt64) {
        self.result.digest = (self.result.digest ^ value) &* 1_099_511_628_211
    }

    func trace(_ line: @autoclosure () -> String) {
        guard self.isTracing else { return }
        let seconds = Double(self.now) / 1_000_000
        self.result.trace.append(String(format: "%10.6f ", seconds) + line())
    }
}
