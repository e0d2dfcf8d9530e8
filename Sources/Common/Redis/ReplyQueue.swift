import DequeModule
import NIOCore

/// Matches replies to the commands sent: Redis answers in order. A request that timed out keeps its place, so that its
/// late replies are not taken for those of the next.
struct ReplyQueue {
    private struct Slot {
        /// `nil` once it has timed out.
        var request: RedisRequest?
        let count: Int
        let byteCount: Int
    }

    enum Received {
        case stored
        case completed(RedisRequest, [RESPValue])
        /// The last reply of a request that nobody waits for any more.
        case settledLate(commands: Int, bytes: Int)
        /// A reply to nothing that was sent.
        case unexpected
    }

    struct Expired {
        let request: RedisRequest
        let results: [RESPValue]
        let byteCount: Int
    }

    private var slots = Deque<Slot>()
    /// The first slot's count, 0 while it is not looked at, and whether it is still waited for: kept apart, since
    /// copying the slot for each reply costs more than the reply.
    private var expected = 0
    private var isWanted = false
    /// Replies to the first slot.
    private var received = 0
    private var results: [RESPValue] = []

    var isEmpty: Bool { self.slots.isEmpty }

    /// The bytes of `request` count until its last reply.
    mutating func append(_ request: RedisRequest, byteCount: Int) {
        precondition(request.count > 0, "a request has a command")
        self.slots.append(Slot(request: request, count: request.count, byteCount: byteCount))
    }

    mutating func receive(_ value: RESPValue) -> Received {
        if self.expected == 0 {
            guard let first = self.slots.first else { return .unexpected }
            self.expected = first.count
            self.isWanted = first.request != nil
            if self.isWanted { self.results.reserveCapacity(first.count) }
        }
        if self.isWanted { self.results.append(value) }
        self.received += 1
        guard self.received == self.expected else { return .stored }
        let first = self.slots.removeFirst()
        self.expected = 0
        self.received = 0
        let results = self.takeResults()
        if let request = first.request { return .completed(request, results) }
        return .settledLate(commands: first.count, bytes: first.byteCount)
    }

    /// Requests whose deadline has passed, and the next deadline.
    mutating func expire(now: NIODeadline) -> (expired: [Expired], next: NIODeadline?) {
        var expired: [Expired] = []
        var next: NIODeadline?
        for index in self.slots.indices {
            guard let request = self.slots[index].request else { continue }
            guard request.deadline <= now else {
                next = min(next ?? request.deadline, request.deadline)
                continue
            }
            self.slots[index].request = nil
            if index == self.slots.startIndex { self.isWanted = false }
            let error = RedisError(.timedOut, "no answer before the deadline", delivery: .mayHaveExecuted)
            let results = index == self.slots.startIndex ? self.takeResults() : []
            expired.append(
                Expired(
                    request: request,
                    results: results + Array(repeating: .error(error), count: request.count - results.count),
                    byteCount: self.slots[index].byteCount
                ))
        }
        return (expired, next)
    }

    /// The connection is gone: what is still waited for, and how much had timed out before.
    mutating func removeAll(
        _ error: RedisError
    ) -> (lost: [(RedisRequest, [RESPValue])], lateCommands: Int, lateBytes: Int) {
        var lost: [(RedisRequest, [RESPValue])] = []
        var late = (commands: 0, bytes: 0)
        var results = self.takeResults()
        for slot in self.slots {
            if let request = slot.request {
                results.append(contentsOf: repeatElement(.error(error), count: slot.count - results.count))
                lost.append((request, results))
            } else {
                late.commands += slot.count
                late.bytes += slot.byteCount
            }
            results = []
        }
        self.slots.removeAll()
        self.expected = 0
        self.received = 0
        return (lost, late.commands, late.bytes)
    }

    private mutating func takeResults() -> [RESPValue] {
        let results = self.results
        self.results = []
        return results
    }
}
