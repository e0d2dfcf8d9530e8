import Applications
import ClusterAPI
import ClusterClient
import Discord
import Foundation
import Logging
import Runtime
import ServiceLifecycle
import Synchronization

/// Takes part in the cluster as a shard process: registers, keeps its lease, and runs what the coordinator grants.
///
/// The coordinator's absence changes nothing but ownership: sessions go on, IDENTIFYs wait. When the broker has cut
/// this process off, or its lease is over, everything is dropped and it starts over as a new incarnation. When the
/// coordinator wants it to restart, it hands everything over, and its `run` returns.
final class ShardMember: Service {

    private enum End { case fenced, leaseLost, stopped, restart }

    /// Answers are held no longer than this, so that the coordinator's watermarks are fresh.
    private static let longestHold: Duration = .seconds(1)
    private static let transitionInterval: Duration = .milliseconds(50)
    private static let shortestInterval: Duration = .milliseconds(20)
    /// Before the coordinator is asked again whose answer was out of date.
    private static let retry: Duration = .milliseconds(500)

    private let registration: MemberRegistration
    private let coordinator: any MemberCoordinator
    private let loops: [ShardLoop]
    private let control: ControlConsumer
    private let fence: FenceSignal
    private let tokens: ApplicationTokens
    private let health: HealthState
    private let metrics: ShardMetrics
    private let logger: Logger
    private let life = Mutex<MemberRegistered?>(nil)
    /// Unlike any other process'.
    private let process = UUID().uuidString
    private let renewals = Mutex(0)
    private let unrunnable = Mutex(UnrunnableSlots())

    init(
        registration: MemberRegistration,
        coordinator: any MemberCoordinator,
        loops: [ShardLoop],
        control: ControlConsumer,
        fence: FenceSignal,
        tokens: ApplicationTokens,
        health: HealthState,
        metrics: ShardMetrics,
        logger: Logger
    ) {
        self.registration = registration
        self.coordinator = coordinator
        self.loops = loops
        self.control = control
        self.fence = fence
        self.tokens = tokens
        self.health = health
        self.metrics = metrics
        self.logger = logger
    }

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.takePart() }
        await self.leave()
    }

    private func takePart() async {
        var failures = 0
        var attempts = 0
        var pacing = RegistrationPacing()
        let start = ContinuousClock.now
        while !Task.isCancelled {
            attempts += 1
            do {
                let registered = try await self.coordinator.register(
                    self.registration.attempt(attempts, of: self.process))
                failures = 0
                pacing.registered(at: start.duration(to: .now))
                self.logger.info(
                    "registered",
                    metadata: [
                        "member.id": "\(self.registration.id)", "member.incarnation": "\(registered.incarnation)",
                    ])
                self.health.setReady("coordinator")
                self.life.withLock { $0 = registered }
                let fences = self.fence.fences(of: registered.exchange)
                for loop in self.loops { await loop.use(exchange: registered.exchange) }
                self.control.use(queue: registered.controlQueue)
                let end = await self.live(registered, fences: fences)
                switch end {
                case .stopped: return
                case .restart: return self.logger.notice("restarting, as the coordinator wants")
                case .fenced, .leaseLost: break
                }
                self.life.withLock { $0 = nil }
                await self.dropEverything()
                let pause = pacing.incarnationEnded(at: start.duration(to: .now), jitter: .random(in: 0...1))
                self.incarnationEnded(end, hasNamesake: pause.suspectsNamesake)
                // Cancelled: the loop's condition ends it.
                try? await Task.sleep(for: pause.duration)
            } catch {
                failures += 1
                if !Task.isCancelled { self.coordinatorFailed(error) }
                // 0.25 to 5 s, with full jitter above the least. A stop ends it.
                let most = min(5, 0.25 * Double(1 << min(failures, 6)))
                try? await Task.sleep(for: .seconds(Double.random(in: 0.2...most)))
            }
        }
    }

    private func incarnationEnded(_ end: End, hasNamesake: Bool) {
        guard hasNamesake else {
            return self.logger.warning("starting over as a new incarnation", metadata: ["reason": "\(end)"])
        }
        let id = self.registration.id
        self.health.setReady(
            "coordinator",
            failing: "another process seems to be member \(id): each needs a FLOTILLA_MEMBER_ID of its own")
        self.logger.error(
            "another process seems to have this member id: each needs a FLOTILLA_MEMBER_ID of its own",
            metadata: ["member.id": "\(id)", "reason": "\(end)"])
    }

    private func coordinatorFailed(_ error: CoordinatorClient.Failure) {
        self.health.setReady("coordinator", failing: error.message)
        let level: Logger.Level = error.code == .unavailable ? .warning : .error
        self.logger.log(level: level, "the coordinator gave no answer to use", metadata: ["error": "\(error.message)"])
    }

    /// Until this incarnation is over.
    private func live(_ life: MemberRegistered, fences: AsyncStream<Void>) async -> End {
        await withTaskGroup(of: End.self) { group in
            group.addTask { await self.renewLease(life) }
            group.addTask { await self.attend(life) }
            group.addTask {
                for await _ in fences { return .fenced }
                return .stopped
            }
            let end = await group.next() ?? .stopped
            group.cancelAll()
            return end
        }
    }

    /// Keeps a connection by which the coordinator knows that this process is there.
    private func attend(_ life: MemberRegistered) async -> End {
        let attendance = Attendance(incarnation: life.incarnation)
        while !Task.isCancelled {
            let asked = ContinuousClock.now
            do {
                try await self.coordinator.attend(attendance, member: self.registration.id)
                if .now - asked > .seconds(1) { continue }
            } catch {
                // The lease's calls say what is wrong.
            }
            // Cancelled: the loop's condition ends it.
            try? await Task.sleep(for: .milliseconds(Int.random(in: 500...1500)))
        }
        return .stopped
    }

    private func renewLease(_ life: MemberRegistered) async -> End {
        let clock = ContinuousClock()
        let lease = LeaseRecord()
        var applied = 0
        var answered: [ObservedSlot] = []
        while !Task.isCancelled {
            let asked = clock.now
            let told = await self.observe()
            let hold =
                GrantPlan.isInTransition(told)
                ? .zero : min(Self.longestHold, .milliseconds(life.renewMilliseconds))
            let renewal = self.renewal(of: life, applied: applied, wait: hold, slots: told)
            let sentAt = clock.now
            do {
                let desired = try await self.coordinator.renew(renewal, member: self.registration.id)
                self.health.setReady("coordinator")
                // A leader of the past may still answer; its versions are below those of the present one.
                guard desired.version >= applied else {
                    // Cancelled: the loop's condition ends it.
                    try? await clock.sleep(until: asked + Self.retry)
                    continue
                }
                lease.renewed(sentAt: sentAt)
                // An answer may come before what was told is written down; by the next one it is.
                for loop in self.loops { await loop.acknowledged(answered) }
                answered = told
                if desired.restart == true { return .restart }
                let changed = await self.apply(desired, told: told, life: life, lease)
                let isNew = desired.version != applied
                applied = desired.version
                // A coordinator that does not hold its answers is asked no more often than it wants.
                let pause = hold == .zero ? Self.transitionInterval : changed || isNew ? Self.shortestInterval : hold
                try? await clock.sleep(until: asked + pause)
            } catch {
                guard !Task.isCancelled else { return .stopped }
                if error.code == .staleIncarnation { return .leaseLost }
                self.coordinatorFailed(error)
                // A stop ends it.
                try? await Task.sleep(for: .milliseconds(Int.random(in: 250...750)))
            }
        }
        return .stopped
    }

    private func renewal(
        of life: MemberRegistered, applied: Int = 0, wait: Duration = .zero, slots: [ObservedSlot],
        draining: Bool = false
    ) -> LeaseRenewal {
        let number = self.renewals.withLock { number in
            number += 1
            return number
        }
        return LeaseRenewal(
            incarnation: life.incarnation, appliedVersion: applied, waitMilliseconds: Int(wait / .milliseconds(1)),
            slots: slots, draining: draining, number: number)
    }

    /// Returns whether anything was to be done.
    private func apply(
        _ desired: DesiredState, told: [ObservedSlot], life: MemberRegistered, _ lease: LeaseRecord
    ) async -> Bool {
        // Before anything starts: what is to be silent must not say a word.
        let granted = Set(desired.slots.map(\.slot))
        for loop in self.loops { await loop.use(publishing: desired.publishing ?? [], for: granted) }
        let actions = GrantPlan.actions(desired: desired.slots, told: told)
        for action in actions {
            switch action {
            case .start(let grant):
                guard let token = self.tokens.token(of: grant.slot.application) else {
                    self.refuse(grant)
                    continue
                }
                self.unrunnable.withLock { $0.forget(grant.slot) }
                self.logger.info(
                    "granted", metadata: ["shard.slot": "\(grant.slot)", "shard.resumes": "\(grant.session != nil)"])
                await self.loop(of: grant.slot).start(
                    grant, token: token, askPermit: { await self.askPermit($0, life: life) },
                    leaseHeldAt: { lease.heldAt })
                self.control.started(grant.slot)
            case .release(let slot):
                self.control.ended(slot)
                if self.unrunnable.withLock({ $0.release(slot) }) { continue }
                self.logger.info("handing over", metadata: ["shard.slot": "\(slot)"])
                await self.loop(of: slot).beginRelease(slot)
            case .forget(let slot):
                self.unrunnable.withLock { $0.forget(slot) }
                await self.loop(of: slot).forget(slot)
            }
        }
        return !actions.isEmpty
    }

    private func refuse(_ grant: SlotGrant) {
        let application = grant.slot.application
        self.logger.error("no token for a granted application", metadata: ["discord.application": "\(application)"])
        let reason =
            "member \(self.registration.id) has no token for application \(application): "
            + "set FLOTILLA_DISCORD_TOKENS"
        self.unrunnable.withLock { $0.refuse(grant, reason: reason) }
    }

    private func askPermit(_ grant: SlotGrant, life: MemberRegistered) async -> PermitAnswer? {
        do {
            return try await self.coordinator.permit(
                PermitRequest(
                    member: self.registration.id, incarnation: life.incarnation, slot: grant.slot, epoch: grant.epoch))
        } catch {
            self.logger.warning("no permit", metadata: ["shard.slot": "\(grant.slot)", "error": "\(error.message)"])
            return nil
        }
    }

    private func loop(of slot: Slot) -> ShardLoop { self.loops.loop(of: slot) }

    private func observe() async -> [ObservedSlot] {
        var slots: [ObservedSlot] = []
        var buffered = 0
        var hasBroker = true
        let now = ContinuousClock.now
        for loop in self.loops {
            let observed = await loop.observe(now: now)
            slots += observed.slots
            buffered += observed.bufferedBytes
            hasBroker = hasBroker && observed.hasBroker
        }
        slots += self.unrunnable.withLock { $0.observed }
        self.metrics.bufferedBytes.set(Double(buffered))
        self.metrics.slots.set(Double(slots.count))
        self.metrics.slotsReady.set(Double(slots.count { $0.status == .ready }))
        self.health.setReady("broker", failing: hasBroker ? nil : "no channel to publish through")
        return slots
    }

    private func dropEverything() async {
        self.control.use(queue: nil)
        self.unrunnable.withLock { $0 = UnrunnableSlots() }
        for loop in self.loops {
            await loop.dropAll()
            await loop.use(exchange: nil)
        }
    }

    // MARK: Leaving

    private func keepLeaseWhileLeaving(_ life: MemberRegistered) async {
        while !Task.isCancelled {
            let renewal = self.renewal(of: life, slots: await self.observe(), draining: true)
            // Without an answer the lease ends in its time, and what was not told is replayed.
            _ = try? await self.coordinator.renew(renewal, member: self.registration.id)
            // Cancelled: the loop's condition ends it.
            try? await Task.sleep(for: .milliseconds(max(100, life.renewMilliseconds)))
        }
    }

    /// Hands everything over, tells the final sessions, and ends the lease.
    private func leave() async {
        guard let life = self.life.withLock({ $0 }) else { return }
        // A flush may outlast the lease.
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.keepLeaseWhileLeaving(life) }
            await withTaskGroup(of: Void.self) { releases in
                for loop in self.loops { releases.addTask { await loop.releaseAll() } }
            }
            group.cancelAll()
        }
        let told = await self.observe()
        let final = self.renewal(of: life, slots: told, draining: true)
        do {
            try await self.coordinator.deregister(final, member: self.registration.id)
            self.logger.info("left", metadata: ["shard.slots": "\(told.count)"])
        } catch {
            self.logger.warning("left without the coordinator's knowledge", metadata: ["error": "\(error.message)"])
        }
        await self.dropEverything()
    }
}
