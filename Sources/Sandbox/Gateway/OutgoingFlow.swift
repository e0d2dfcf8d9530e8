import DequeModule
import NIOCore

/// Decides what one connection sends while faults hold it back. It knows no socket and no clock.
struct OutgoingFlow: Sendable {
    enum Kind: Sendable, Equatable {
        /// Op 11.
        case acknowledgement
        case dispatch
        /// Every other frame: Hello, op 1, 7, 9.
        case control
    }

    enum Hold: String, Sendable, CaseIterable {
        /// Heartbeats are not answered, ever.
        case acknowledgements = "acks"
        /// Heartbeats are answered; events wait.
        case dispatches
        /// Everything waits.
        case everything = "all"
    }

    enum Verdict: Sendable, Equatable {
        case send
        /// Kept, or thrown away on purpose.
        case hold
        /// More is kept than may be: the connection has to end.
        case overflow
    }

    /// Bytes kept for later, at most.
    static let limit = 64 << 20

    private var holds: [Int: Hold] = [:]
    private var lastToken = 0
    private var held: Deque<(kind: Kind, frame: ByteBuffer)> = []
    private(set) var heldBytes = 0
    /// Nothing is ever sent again.
    private(set) var isSilenced = false

    var isHeld: Bool { self.isSilenced || !self.holds.isEmpty }

    mutating func offer(_ frame: ByteBuffer, _ kind: Kind) -> Verdict {
        if self.isSilenced { return .hold }
        switch kind {
        case .acknowledgement where self.holds.values.contains(.acknowledgements): return .hold
        case _ where self.keeps(kind):
            guard frame.readableBytes <= Self.limit - self.heldBytes else { return .overflow }
            self.held.append((kind, frame))
            self.heldBytes += frame.readableBytes
            return .hold
        default: return .send
        }
    }

    /// - Returns: what ends the hold again.
    mutating func begin(_ hold: Hold) -> Int {
        self.lastToken += 1
        self.holds[self.lastToken] = hold
        return self.lastToken
    }

    /// - Returns: the frames to send now, in order.
    mutating func end(_ token: Int) -> [ByteBuffer] {
        guard self.holds.removeValue(forKey: token) != nil else { return [] }
        return self.release()
    }

    /// Ends all holds.
    mutating func endAll() -> [ByteBuffer] {
        self.holds = [:]
        return self.release()
    }

    mutating func silence() {
        self.isSilenced = true
        self.held = []
        self.heldBytes = 0
    }

    private func keeps(_ kind: Kind) -> Bool {
        self.holds.values.contains { hold in
            switch hold {
            case .acknowledgements: false
            case .dispatches: kind == .dispatch
            case .everything: true
            }
        }
    }

    private mutating func release() -> [ByteBuffer] {
        var released: [ByteBuffer] = []
        var kept: Deque<(kind: Kind, frame: ByteBuffer)> = []
        for item in self.held {
            if self.keeps(item.kind) { kept.append(item) } else { released.append(item.frame) }
        }
        self.held = kept
        self.heldBytes = kept.reduce(0) { $0 + $1.frame.readableBytes }
        return released
    }
}
