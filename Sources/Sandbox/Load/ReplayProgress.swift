import Discord

/// Decides what one connection of a ``ReplayGateway`` sends next. It knows no socket and no clock.
struct ReplayProgress: Sendable {
    enum Step: Sendable, Equatable {
        /// All is sent.
        case nothing
        case event(sequence: Int64)
        case resumed(sequence: Int64)
        /// The first `count` events of a compressed cycle. From then on the connection's own encoder is out of use.
        case cycle(sequence: Int64, count: Int)
    }

    /// The number of what comes next.
    private(set) var next: Int64
    private let last: Int64
    /// The number that RESUMED takes, in place of an event.
    private var resumedAt: Int64?
    private let isPaced: Bool
    private(set) var isFlooding = false

    /// - Parameters:
    ///   - events: after READY; `nil` without end.
    ///   - isPaced: events go out one by one.
    init(events: Int?, isPaced: Bool) {
        self.next = ReplayScript.firstSequence
        self.last = Self.last(events)
        self.isPaced = isPaced
    }

    /// After a RESUME: what came after `sequence` is repeated, RESUMED follows what was sent up to now.
    init(events: Int?, isPaced: Bool, resumingAfter sequence: Int64, sent: Int64) {
        self.next = sequence + 1
        self.last = Self.last(events)
        self.resumedAt = sent + 1
        self.isPaced = isPaced
    }

    private static func last(_ events: Int?) -> Int64 {
        min(events.map { ReplayScript.firstSequence - 1 + Int64($0) } ?? .max, ReplayHead.lastSequence)
    }

    mutating func step() -> Step {
        if let resumedAt, self.next == resumedAt || self.next > self.last {
            self.resumedAt = nil
            self.next = resumedAt + 1
            return .resumed(sequence: resumedAt)
        }
        guard self.next <= self.last else { return .nothing }
        let sequence = self.next
        if !self.isPaced, self.resumedAt == nil, ReplayScript.index(of: sequence) == 0 { self.isFlooding = true }
        guard self.isFlooding else {
            self.next += 1
            return .event(sequence: sequence)
        }
        let count = min(Int64(ReplayScript.cycleLength), self.last - sequence + 1)
        self.next += count
        return .cycle(sequence: sequence, count: Int(count))
    }
}
