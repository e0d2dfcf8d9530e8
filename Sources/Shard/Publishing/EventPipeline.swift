import ClusterAPI
import DequeModule
import Discord
import NIOCore

/// A slot's way from sliced dispatches to batches, and from confirms to the watermark. It knows no socket and no
/// broker.
///
/// A session that is lost leaves a gap record behind all that is left of it, on every lane. Until all lanes have it,
/// the coordinator is told that session and not the next one: should this process die, the next owner finds the
/// session lost as well, and writes the record again.
struct EventPipeline: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Outcome: Equatable, Sendable {
        case buffered
        /// The plan sends it nowhere: settled at once.
        case filtered
        /// Another generation publishes it: settled at once.
        case muted
        /// Received before: a replay of what is in memory or at the broker.
        case repeated
        /// No session is known that it could belong to.
        case unexpected
    }

    private struct Session {
        let track: EventBatch.SessionTrack
        let resumeURL: String
        let start: Int64
        var watermark: Watermark
    }

    private struct LostSession {
        var session: Session
        let gap: SessionGap
        var unconfirmedLanes: Int
        /// Nobody knows it: it can't be told.
        var isUnknown = false
    }

    /// Gap records that the coordinator has not written down yet; of more than these the earliest are not told.
    static let mostGaps = 16

    private let slot: Slot
    private let numShards: Int
    private let partition: LanePartition
    private let limits: BatchAssembler.Limits
    /// May change between any two events.
    var plan: PublishPlan
    /// May change between any two events.
    var published: PublishedLanes
    private var current: Session?
    /// Those whose gap record is not confirmed by every lane, the earliest first.
    private var lost: Deque<LostSession> = []
    private var sessions = 0
    private(set) var assembler: BatchAssembler
    /// Lost sessions whose record every lane has, and which the coordinator has still to write down.
    private(set) var gaps: [SessionGap] = []

    init(slot: Slot, numShards: Int, partition: LanePartition, plan: PublishPlan, limits: BatchAssembler.Limits) {
        self.slot = slot
        self.numShards = numShards
        self.partition = partition
        self.plan = plan
        self.published = PublishedLanes(partition: partition)
        self.limits = limits
        self.assembler = BatchAssembler(lanes: partition.count, limits: limits)
    }

    // MARK: Where it stands

    /// What heartbeats and RESUME are told; `nil` without a session. It stays at its start while an earlier session's
    /// gap record is on its way.
    var watermark: Int64? {
        self.current.map { self.lost.isEmpty ? $0.watermark.value : $0.start }
    }

    /// What the coordinator is told: the session that the next owner should try to resume.
    var told: SessionState? {
        if self.lost.first?.isUnknown == true { return nil }
        return (self.lost.first?.session ?? self.current).map {
            SessionState(sessionID: $0.track.id, resumeURL: $0.resumeURL, sequence: $0.watermark.value)
        }
    }

    /// How far the watermark lies behind the last event, in sequence numbers.
    var unsettledEvents: Int {
        guard let current else { return 0 }
        return Int(current.watermark.received - (self.lost.isEmpty ? current.watermark.value : current.start))
    }

    /// The last number received of the session; `nil` without one.
    var received: Int64? { self.current?.watermark.received }

    /// Since when the oldest event waits that is not settled; `nil`: all are.
    var unsettledSince: Instant? { self.assembler.unsettledSince }

    /// The earliest gap record that some lane has not confirmed: its session, and how many such lanes there are.
    var pendingGap: (session: String, unconfirmedLanes: Int)? {
        self.lost.first.map { ($0.gap.session, $0.unconfirmedLanes) }
    }
    var isDrained: Bool { self.assembler.isEmpty }

    // MARK: Sessions

    /// A session starts (READY), or goes on from what another process settled. What an earlier one left is still
    /// published.
    mutating func begin(session id: String, resumeURL: String, settled: Int64 = 0) {
        self.sessions += 1
        self.current = Session(
            track: EventBatch.SessionTrack(index: self.sessions, id: id), resumeURL: resumeURL, start: settled,
            watermark: Watermark(start: settled))
    }

    /// The session can't be resumed any more.
    mutating func loseSession(reason: String, milliseconds: Int64, now: Instant = .now) {
        guard let session = self.current.take() else { return }
        self.appendGap(session, reason: reason, milliseconds: milliseconds, now: now)
    }

    /// An earlier owner had leave to IDENTIFY and was never heard of again: there may have been a session that nobody
    /// knows of. Its record is told under a name that the epoch makes one of a kind.
    mutating func followUnknownSession(epoch: Int64, milliseconds: Int64, now: Instant = .now) {
        self.sessions += 1
        let track = EventBatch.SessionTrack(index: self.sessions, id: "unknown.\(epoch)")
        self.appendGap(
            Session(track: track, resumeURL: "", start: 0, watermark: Watermark(start: 0)), isUnknown: true,
            reason: "unknown_session", milliseconds: milliseconds, now: now)
    }

    private mutating func appendGap(
        _ session: Session, isUnknown: Bool = false, reason: String, milliseconds: Int64, now: Instant
    ) {
        // What is missing on the other lanes, another generation has published.
        let published = self.published
        guard !published.isEmpty else { return }
        let gap = SessionGap(
            session: session.track.id, after: session.watermark.value, reason: reason, numShards: self.numShards,
            atMilliseconds: milliseconds)
        self.lost.append(
            LostSession(
                session: session, gap: gap, unconfirmedLanes: published.count, isUnknown: isUnknown))
        self.assembler.appendGap(
            GapLine.line(gap, slot: self.slot), session: session.track, sequence: gap.after, now: now
        ) { published.contains(lane: $0) }
    }

    /// The coordinator has written these down.
    mutating func forget(_ gaps: [SessionGap]) { self.gaps.removeAll { gaps.contains($0) } }

    // MARK: Events

    /// - Parameters:
    ///   - rule: the plan's, of the event's name.
    ///   - milliseconds: since 1970, for its line; `now` is the same moment.
    ///   - cache: told of a dispatch that is new, whether it is published or not; returns what its batch
    ///     has to wait for.
    mutating func accept(
        _ slice: FrameSlice,
        of bytes: UnsafeRawBufferPointer,
        rule: EventRule,
        milliseconds: Int64,
        now: Instant = .now,
        cache: (CacheDispatch) -> CacheTicket? = { _ in nil }
    ) -> Outcome {
        guard let sequence = slice.sequence, let nameRange = slice.name, let dataRange = slice.data,
            let track = self.current?.track
        else { return .unexpected }
        guard let preceding = self.current?.watermark.receive(sequence) else { return .repeated }
        let name = UnsafeRawBufferPointer(rebasing: bytes[nameRange])
        let data = UnsafeRawBufferPointer(rebasing: bytes[dataRange])
        let ticket = cache(
            CacheDispatch(
                sequence: sequence, name: name, guild: slice.guildID, data: data, wantsOld: rule.attachesOld))
        let route: PublishRoute
        switch rule.destination {
        case .nowhere: return .filtered
        case .commands:
            guard self.published.commands else { return .muted }
            route = .commands
        case .lane:
            let lane = self.partition.lane(guild: slice.guildID, channel: slice.channelID, shard: self.slot.shard)
            guard self.published.contains(lane: lane) else { return .muted }
            route = .lane(lane)
        }
        let begins = self.assembler.append(
            route, session: track, sequence: sequence, precedingSequence: preceding, ticket: ticket, now: now,
            bytes: EventEnvelope.overhead + name.count + data.count
        ) { buffer in
            EventEnvelope.write(
                into: &buffer, sequence: sequence, name: name, guild: slice.guildID, milliseconds: milliseconds,
                data: data)
        }
        if begins { self.current?.watermark.opened(after: preceding) }
        return .buffered
    }

    /// Forgets what is not confirmed; watermarks stay where they are.
    mutating func discardBuffer() {
        self.assembler = BatchAssembler(lanes: self.partition.count, limits: self.limits)
        self.current?.watermark.discardOpen()
        for index in self.lost.indices { self.lost[index].session.watermark.discardOpen() }
    }

    mutating func takeReady(now: Instant, gate: (inout EventBatch) -> Bool) -> [EventBatch] {
        self.assembler.takeReady(now: now, gate: gate)
    }

    // MARK: Settlements

    mutating func confirmed(_ batch: EventBatch) {
        self.assembler.confirmed(batch)
        let session = batch.session.index
        if self.current?.track.index == session {
            if self.current?.watermark.settled(after: batch.precedingSequence) == true,
                let lowest = self.assembler.lowestUnsettled(session: session)
            {
                self.current?.watermark.raise(to: lowest)
            }
        } else if let index = self.lost.firstIndex(where: { $0.session.track.index == session }) {
            if batch.isGap {
                self.lost[index].unconfirmedLanes -= 1
                self.forgetLost()
            } else if self.lost[index].session.watermark.settled(after: batch.precedingSequence),
                let lowest = self.assembler.lowestUnsettled(session: session)
            {
                self.lost[index].session.watermark.raise(to: lowest)
            }
        }
    }

    private mutating func forgetLost() {
        while let first = self.lost.first, first.unconfirmedLanes == 0 {
            self.gaps.append(first.gap)
            self.lost.removeFirst()
        }
        self.gaps.removeFirst(max(0, self.gaps.count - Self.mostGaps))
    }

    mutating func refused(_ batch: EventBatch, now: Instant) { self.assembler.refused(batch, now: now) }
    mutating func lost(_ batch: EventBatch) { self.assembler.lost(batch) }
}
