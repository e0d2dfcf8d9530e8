import ClusterAPI
import Discord
import GuildCache
import Logging
import NIOCore
import Redis
import Runtime

/// Keeps the guild cache up to date with one slot's events. Confined to the slot's event loop.
///
/// What could not be written is remembered as a debt: a guild whose last write may not be in Redis. Debts are settled
/// by a check that marks the guild as unsure unless the write is there.
final class GuildSlotCache: SlotCache {
    /// Checks on their way at once.
    private static let mostChecks = 256
    /// Old states that no batch has fetched.
    private static let mostOldStates = 4_096

    struct Session {
        let id: String
        let order: CacheOrder
    }

    let number: Int
    let keys: CacheKeys
    private let grant: SlotGrant
    private let shard: ShardID?
    private unowned let writer: CacheWriter
    private let encoder: CacheWriteEncoder
    private var planner: CachePlanner
    private var memberRequests: CacheMemberRequests
    private var session: Session?
    private var sessionsBegun = 0
    /// The sequence number of the session's last write to each guild.
    private var written: [UInt64: Int64] = [:]
    private var debts: Set<UInt64> = []
    /// Guilds that may be unsure without being on the list: whoever wrote last may not have heard the answer.
    private var unheard: Set<UInt64> = []
    private var checksUnderWay = 0
    /// The index is to be read: for the guilds of a lost session, and for those that READY did not name.
    private var census: Census?
    private var censusIsUnderWay = false
    private var lastCensus = 0
    private var olds: [UInt64: ByteBuffer] = [:]
    private var completedMembers: UInt64?
    /// Whose guilds are kept. Two writers would contradict each other: the others are another generation's.
    private var published: PublishedLanes
    private var takeover: CacheTakeover
    /// Of the last write.
    private var lastTicket: UInt64 = 0
    /// What the writer has of this slot that Redis did not answer; the writer counts.
    var callsUnderWay = 0
    /// Asks the gateway for all members of a guild; `membersAnswered` tells what came of it.
    var askForMembers: ((_ guild: UInt64) -> Void)?
    /// ``hasRoom`` is true again.
    var roomRegained: (() -> Void)?

    /// What the index of guilds is read for.
    private struct Census {
        let number: Int
        let session: Session
        let sequence: Int64
        /// Those that READY named: all others are gone. `nil`: all are unsure.
        let named: Set<UInt64>?
        let fetchAfter: Duration
    }

    init(number: Int, grant: SlotGrant, partition: LanePartition, writer: CacheWriter) {
        self.published = PublishedLanes(partition: partition)
        self.takeover = CacheTakeover(room: writer.takeoverRoom)
        self.number = number
        self.grant = grant
        self.writer = writer
        self.shard = ShardID(id: grant.slot.shard, count: grant.numShards)
        self.keys = CacheKeys(application: grant.slot.application)
        var kinds = writer.settings.kinds
        if !Intents(rawValue: grant.intents).contains(.guildMembers) {
            // Nothing tells when such a member changes.
            if kinds.members == .all { kinds.members = .seen }
            kinds.memberBound.seconds = min(kinds.memberBound.seconds, Self.unwatchedMemberSeconds)
        }
        self.planner = CachePlanner(kinds: kinds, user: grant.slot.application.rawValue)
        self.encoder = CacheWriteEncoder(keys: self.keys, kinds: kinds)
        self.memberRequests = CacheMemberRequests()
        if let session = grant.session {
            self.session = Session(id: session.sessionID, order: self.order(0))
            // The last owner has settled events that the cache does not know.
            if session.cacheIsBehind == true { self.doubtAll(fetchAfter: .zero) }
        }
    }

    /// How long a member is kept whose changes nobody tells of.
    private static let unwatchedMemberSeconds = 300

    var kinds: CacheKinds { self.encoder.kinds }

    private func order(_ ordinal: Int) -> CacheOrder {
        CacheOrder(generation: self.grant.slot.generation, epoch: self.grant.epoch, ordinal: ordinal)
    }

    private func version(_ sequence: Int64) -> CacheVersion? {
        self.session.map { CacheVersion(order: $0.order, session: $0.id, sequence: sequence) }
    }

    // MARK: Events

    func accepted(_ dispatch: CacheDispatch) -> CacheTicket? {
        defer { self.completedMembers = nil }
        if let guild = dispatch.guild, let event = CacheEvent(dispatch.name) {
            return self.write(event, of: guild, dispatch)
        }
        if dispatch.name.elementsEqual("INTERACTION_CREATE".utf8) {
            // It leaves past its guild's lane, and is to find what was told before it.
            let last = self.writer.lastTicket
            return self.writer.isSettled(last) ? nil : CacheTicket(number: last)
        }
        if dispatch.name.elementsEqual("READY".utf8) { self.receivedReady(dispatch) }
        return nil
    }

    private func write(_ event: CacheEvent, of guild: UInt64, _ dispatch: CacheDispatch) -> CacheTicket? {
        let lane = self.published.lane(of: guild)
        guard self.published.keeps(lane: lane) else {
            self.takeover.hold(event, of: guild, lane: lane, sequence: dispatch.sequence, data: dispatch.data)
            return nil
        }
        // What was checked when it was sliced can be walked through.
        guard let version = self.version(dispatch.sequence),
            var plan = try? self.planner.plan(event, dispatch.data)
        else { return nil }
        if event == .messageCreate {
            self.writer.recent.removeKnown(
                from: &plan, application: self.keys.application.rawValue, guild: guild, bytes: dispatch.data,
                lifetime: self.encoder.kinds.memberBound.seconds / 4)
            guard !plan.operations.isEmpty else { return nil }
        } else if event == .membersChunk, self.completedMembers == guild {
            plan.operations.append(.trust(.members))
        }
        let wantsOld = dispatch.wantsOld && plan.subject != nil && !self.writer.isAway
        let ticket = self.submit(plan, of: guild, from: dispatch.data, version: version, wantsOld: wantsOld)
        if plan.lacksMembers { self.memberRequests.want(guild) }
        if plan.mode == .gone { self.memberRequests.forget(guild) }
        self.requestMembers()
        return ticket.map { CacheTicket(number: $0, attachesOld: wantsOld) }
    }

    private func submit(
        _ plan: CachePlan, of guild: UInt64, from bytes: UnsafeRawBufferPointer, version: CacheVersion,
        wantsOld: Bool = false
    ) -> UInt64? {
        let ticket = self.writer.takeTicket()
        let isWhole = self.takeover.isWhole(lane: self.published.lane(of: guild))
        let before = self.written.updateValue(version.sequence, forKey: guild)
        if before == nil, plan.mode == .update { self.unheard.insert(guild) }
        let after =
            before
            ?? (isWhole ? CacheWriteEncoder.afterOtherGeneration : 0)
        let isTaken = self.writer.add(
            self,
            .write(
                guild: guild, sequence: version.sequence, ticket: ticket, wantsOld: wantsOld, isGone: plan.mode == .gone
            )
        ) { pipeline in
            // One that is unavailable has no GUILD_CREATE for now.
            if plan.mode == .create || plan.mode == .expect { self.appendIndex(of: guild, "SADD", to: &pipeline) }
            self.encoder.append(
                plan, of: guild, from: bytes, version: version, after: after, wantsOld: wantsOld, to: &pipeline)
        }
        guard isTaken else {
            self.debts.insert(guild)
            return nil
        }
        self.lastTicket = ticket
        return ticket
    }

    private func appendIndex(of guild: UInt64, _ command: RedisArgument, to pipeline: inout RedisPipeline) {
        pipeline.append(
            command, .string(self.keys.index(bucket: CacheKeys.bucket(of: guild))), .string(String(guild)))
    }

    var hasRoom: Bool { self.writer.hasRoom }

    func mayLeave(_ batch: inout EventBatch, wake: @escaping () -> Void) -> Bool {
        guard self.writer.isSettled(batch.cacheTicket) else {
            self.writer.wait(self, wake: wake)
            return false
        }
        if batch.awaitsOld { batch.attach(old: self.olds.removeValue(forKey: batch.cacheTicket)) }
        return true
    }

    // MARK: Answers

    func wrote(
        guild: UInt64, sequence: Int64, ticket: UInt64, wantsOld: Bool, isGone: Bool, outcome: WriteOutcome?
    ) {
        guard let outcome else {
            // Redis refuses it for good; what is there is older.
            self.debts.insert(guild)
            return
        }
        if wantsOld, let old = outcome.old {
            // Of events that did not wait, nobody fetches them.
            if self.olds.count >= Self.mostOldStates { self.olds.removeAll() }
            self.olds[ticket] = old
        }
        let wasUnheard = self.unheard.remove(guild) != nil
        if outcome.wasDoubted || (wasUnheard && !outcome.unsure.isEmpty) { self.marked(guild, fetchAfter: .zero) }
        if self.encoder.kinds.members == .all, outcome.unsure.contains("members") { self.memberRequests.want(guild) }
        // A guild that is back by now has been put on the index ahead of this.
        if isGone, !outcome.isRefused, self.written[guild] ?? sequence == sequence {
            self.note { self.appendIndex(of: guild, "SREM", to: &$0) }
        }
    }

    /// The guild is unsure now: REST is asked, unless GUILD_CREATE comes first.
    private func marked(_ guild: UInt64, fetchAfter: Duration) {
        self.writer.metrics.doubted.increment()
        let due = WallClock.milliseconds + Int64(fetchAfter / .milliseconds(1))
        self.note { pipeline in
            self.appendIndex(of: guild, "SADD", to: &pipeline)
            pipeline.append("ZADD", .string(self.keys.unsure), "NX", .integer(due), .string(String(guild)))
        }
    }

    /// A command that nobody waits for. One for which there is no room is made up for by the next doubt.
    private func note(_ encode: (inout RedisPipeline) -> Void) { _ = self.writer.add(self, .note, encode) }

    // MARK: Sessions

    private func receivedReady(_ dispatch: CacheDispatch) {
        guard let ready = try? ReadySlice(dispatch.data) else { return }
        self.sessionsBegun += 1
        let session = Session(id: ready.session, order: self.order(self.sessionsBegun))
        self.session = session
        if let user = ready.user { self.planner.user = user }
        // The session before is of no concern any more: every guild of this one is looked at anew.
        self.written.removeAll(keepingCapacity: true)
        self.debts.removeAll()
        self.unheard.removeAll()
        self.takeover.sessionEnded()
        self.memberRequests = CacheMemberRequests()
        guard let version = self.version(dispatch.sequence) else { return }
        for guild in ready.guilds where self.published.keeps(guild: guild) {
            _ = self.submit(CachePlan(.expect), of: guild, from: dispatch.data, version: version)
        }
        self.call(for: session, sequence: dispatch.sequence, named: ready.guilds, fetchAfter: .zero)
    }

    func sessionLost() {
        self.takeover.sessionEnded()
        self.doubtAll(fetchAfter: self.writer.settings.createPatience)
    }

    private func doubtAll(fetchAfter: Duration) {
        guard let session else { return }
        self.call(for: session, sequence: 0, named: nil, fetchAfter: fetchAfter)
    }

    /// A later census takes the place of an earlier one: READY follows a lost session, and looks at all guilds.
    private func call(for session: Session, sequence: Int64, named: Set<UInt64>?, fetchAfter: Duration) {
        self.lastCensus += 1
        self.census = Census(
            number: self.lastCensus, session: session, sequence: sequence, named: named, fetchAfter: fetchAfter)
        self.takeCensus()
    }

    /// Reads the index of the shard's guilds. One that fails is taken again with the next look after debts.
    private func takeCensus() {
        guard !self.published.keepsNone else { return self.census = nil }
        guard let census, !self.censusIsUnderWay, let shard else { return }
        self.censusIsUnderWay = true
        var pipeline = RedisPipeline()
        for bucket in CacheKeys.buckets(of: shard) {
            pipeline.append("SMEMBERS", .string(self.keys.index(bucket: bucket)))
        }
        self.writer.ask(pipeline) { [weak self] _, results in
            guard let self else { return }
            self.censusIsUnderWay = false
            // Another one may have been called for meanwhile.
            guard self.census?.number == census.number else { return self.takeCensus() }
            guard results.firstError == nil else { return }
            self.census = nil
            let ids = results.lazy.compactMap(\.array).joined().compactMap { $0.string.flatMap { UInt64($0) } }
            self.counted(ids.filter { shard.receives(guild: Snowflake(rawValue: $0)) }, for: census)
        }
    }

    private func counted(_ guilds: [UInt64], for census: Census) {
        let version = CacheVersion(order: census.session.order, session: census.session.id, sequence: census.sequence)
        for guild in guilds where self.published.keeps(guild: guild) {
            if let named = census.named {
                // Left while nobody was connected. Of two generations that is for the one in force to say.
                guard self.published.keepsAll, !named.contains(guild), self.written[guild] == nil else { continue }
                [UInt8]().withUnsafeBytes { none in
                    _ = self.submit(CachePlan(.gone), of: guild, from: none, version: version)
                }
            } else if !self.check(guild, version: version, always: true, fetchAfter: census.fetchAfter) {
                // It is taken again with the next look after debts.
                return self.census = self.census ?? census
            }
        }
    }

    // MARK: Debts

    var isBehind: Bool {
        !self.debts.isEmpty || self.census != nil || (self.writer.isAway && !self.written.isEmpty)
    }

    /// Redis may have lost what was written.
    func doubtWrites() {
        self.debts.formUnion(self.written.keys)
        self.unheard.formUnion(self.written.keys)
    }

    func settleDebts(isAway: Bool) {
        self.requestMembers()
        guard !isAway, let session else { return }
        if self.census != nil { self.takeCensus() }
        while self.checksUnderWay < Self.mostChecks, let guild = self.debts.popFirst() {
            guard let sequence = self.written[guild] else { continue }
            let isTaken = self.check(
                guild,
                version: CacheVersion(order: session.order, session: session.id, sequence: sequence),
                always: false, fetchAfter: .zero)
            // The queue is full: nothing leaves it before this turn is over.
            guard isTaken else { return }
            if !self.published.keeps(guild: guild), !self.debts.contains(guild) { self.written[guild] = nil }
        }
    }

    /// - Returns: false when there is no room; the guild is a debt then.
    private func check(_ guild: UInt64, version: CacheVersion, always: Bool, fetchAfter: Duration) -> Bool {
        let isTaken = self.writer.add(self, .check(guild: guild, fetchAfter: fetchAfter)) { pipeline in
            // One that another generation keeps by now lacks what this one owes all the same.
            self.encoder.appendCheck(
                of: guild, version: version, always: always, isTakenOver: !self.published.keeps(guild: guild),
                to: &pipeline)
        }
        if isTaken { self.checksUnderWay += 1 } else { self.debts.insert(guild) }
        return isTaken
    }

    func checked(guild: UInt64, wasMarked: Bool, fetchAfter: Duration) {
        self.checksUnderWay -= 1
        if wasMarked { self.marked(guild, fetchAfter: fetchAfter) }
        if self.checksUnderWay == 0, !self.debts.isEmpty { self.settleDebts(isAway: self.writer.isAway) }
    }

    // MARK: Other generations

    func use(_ published: PublishedLanes) {
        let before = self.published
        guard published != before else { return }
        self.published = published
        let due = self.takeover.lanesChanged(from: before, to: published, hasSession: self.session != nil)
        for (guild, sequence) in self.written where before.keeps(guild: guild) && !published.keeps(guild: guild) {
            if published.contains(lane: published.lane(of: guild)) {
                // Called off: the other generation goes on where this one was.
                self.written[guild] = nil
                self.debts.remove(guild)
                self.giveBack(guild, sequence)
            } else if self.writer.isAway {
                self.debts.insert(guild)
            } else if !self.debts.contains(guild) {
                self.written[guild] = nil
            }
        }
        for entry in due {
            entry.data.withUnsafeReadableBytes { data in
                let name = UnsafeRawBufferPointer(start: nil, count: 0)
                _ = self.write(
                    entry.event, of: entry.guild,
                    CacheDispatch(sequence: entry.sequence, name: name, guild: entry.guild, data: data))
            }
        }
    }

    /// Lets another generation write, though its order is lower. It may have missed something: the guild is unsure.
    private func giveBack(_ guild: UInt64, _ sequence: Int64) {
        guard let version = self.version(sequence) else { return }
        let isTaken = self.writer.add(self, .check(guild: guild, fetchAfter: .zero)) { pipeline in
            self.encoder.appendGiveBack(of: guild, version: version, to: &pipeline)
        }
        // Without room for it the other generation's writes are taken once this one has been silent for long enough.
        if isTaken { self.checksUnderWay += 1 }
    }

    // MARK: All members

    func membersAnswered(guild: UInt64, isComplete: Bool) {
        if isComplete {
            self.completedMembers = guild
            self.memberRequests.answered(guild)
        } else {
            self.memberRequests.failed(guild, now: .now)
        }
    }

    private func requestMembers() {
        guard self.memberRequests.isWaiting, let askForMembers else { return }
        while let guild = self.memberRequests.next(now: .now) {
            askForMembers(guild)
        }
    }

    // MARK: The end

    func mayEnd(wake: @escaping () -> Void) -> Bool {
        guard self.writer.isSettled(self.lastTicket) else {
            self.writer.wait(self, wake: wake)
            return false
        }
        return true
    }

    func end() -> Bool {
        let isBehind = self.isBehind || self.checksUnderWay > 0 || !self.writer.isAnswered(self.lastTicket)
        // The next owner's, who is told.
        self.census = nil
        self.askForMembers = nil
        self.roomRegained = nil
        self.takeover.sessionEnded()
        self.writer.remove(self)
        return isBehind
    }

    /// Whether nothing is to come, or to be looked after, once the slot is let go of.
    var owesNothing: Bool { self.callsUnderWay == 0 && self.debts.isEmpty }
}
