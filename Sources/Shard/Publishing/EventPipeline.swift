import Discord
import NIOCore

/// A slot's way from sliced dispatches to batches, and from confirms to the watermark. It knows no socket and no
/// broker.
struct EventPipeline: Sendable {
    typealias Instant = ContinuousClock.Instant

    enum Outcome: Equatable, Sendable {
        case buffered
        /// The plan sends it nowhere: settled at once.
        case filtered
        /// Received before: a replay of what is in memory or at the broker.
        case repeated
        /// No session is known that it could belong to.
        case unexpected
    }

    private let shard: Int
    private let partition: LanePartition
    private let plan: PublishPlan
    private let limits: BatchAssembler.Limits
    private var track: EventBatch.SessionTrack?
    private var sessions = 0
    private var tracker = Watermark(start: 0)
    private(set) var assembler: BatchAssembler

    init(shard: Int, partition: LanePartition, plan: PublishPlan, limits: BatchAssembler.Limits) {
        self.shard = shard
        self.partition = partition
        self.plan = plan
        self.limits = limits
        self.assembler = BatchAssembler(lanes: partition.count, limits: limits)
    }

    /// Events between the watermark and the last one received.
    var unsettledEvents: Int { self.tracker.unsettledCount }

    /// What heartbeats, RESUME and the coordinator are told; `nil` without a session.
    var watermark: Int64? { self.track == nil ? nil : self.tracker.value }
    var isDrained: Bool { self.assembler.isEmpty }

    /// A session starts (READY), or goes on from what another process settled. What an earlier one left is still
    /// published.
    mutating func begin(session id: String, settled: Int64 = 0) {
        self.sessions += 1
        self.track = EventBatch.SessionTrack(index: self.sessions, id: id)
        self.tracker = Watermark(start: settled)
    }

    mutating func endSession() { self.track = nil }

    mutating func accept(_ slice: FrameSlice, of bytes: UnsafeRawBufferPointer, milliseconds: Int64) -> Outcome {
        guard let track, let sequence = slice.sequence, let nameRange = slice.name, let dataRange = slice.data else {
            return .unexpected
        }
        guard let ordinal = self.tracker.receive(sequence) else { return .repeated }
        let name = UnsafeRawBufferPointer(rebasing: bytes[nameRange])
        let route: PublishRoute
        switch self.plan.destination(of: name) {
        case .nowhere:
            self.tracker.settle(ordinal)
            return .filtered
        case .commands: route = .commands
        case .lane:
            route = .lane(self.partition.lane(guild: slice.guildID, channel: slice.channelID, shard: self.shard))
        }
        let data = UnsafeRawBufferPointer(rebasing: bytes[dataRange])
        self.assembler.append(
            route, session: track, sequence: sequence, ordinal: ordinal,
            bytes: EventEnvelope.overhead + name.count + data.count
        ) { buffer in
            EventEnvelope.write(
                into: &buffer, sequence: sequence, name: name, guild: slice.guildID, milliseconds: milliseconds,
                data: data)
        }
        return .buffered
    }

    /// Forgets what is not confirmed; the watermark stays where it is.
    mutating func discardBuffer() {
        self.assembler = BatchAssembler(lanes: self.partition.count, limits: self.limits)
    }

    mutating func takeReady(now: Instant, gate: (EventBatch) -> Bool) -> [EventBatch] {
        self.assembler.takeReady(now: now, gate: gate)
    }

    mutating func confirmed(_ batch: EventBatch) {
        self.assembler.confirmed(batch)
        // An earlier session's watermark is of no use any more.
        guard batch.session == self.track else { return }
        for ordinal in batch.ordinals { self.tracker.settle(ordinal) }
    }

    mutating func refused(_ batch: EventBatch, now: Instant) { self.assembler.refused(batch, now: now) }
    mutating func lost(_ batch: EventBatch) { self.assembler.lost(batch) }
}
