import ControlAPI
import Discord

/// How far one request for members has come: its parts, and the chunks of each. It knows no clock.
struct MembersJob: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// More would be 10 million members.
    static let mostChunks = 10_000

    private struct Part: Sendable {
        let userIDs: [Snowflake]
        /// Set while chunks are expected.
        var nonce: String?
        var attempts = 0
        /// Of the last op 8 or chunk.
        var progressAt: Instant?
        var notBefore: Instant?
        var received: Set<Int> = []
        var isDone = false
    }

    let request: MembersRequest
    private var parts: [Part]
    /// Parts that have lined up already: a part does so when the one before it has left.
    private var begun = 1

    init(_ request: MembersRequest) {
        self.request = request
        self.parts = request.parts.map { Part(userIDs: $0) }
    }

    var isDone: Bool { self.parts.allSatisfy(\.isDone) }
    var nonces: [String] { self.parts.compactMap(\.nonce) }

    func userIDs(of part: Int) -> [Snowflake] { self.parts[part].userIDs }
    func attempts(of part: Int) -> Int { self.parts[part].attempts }
    func progress(of part: Int) -> Instant? { self.parts[part].progressAt }
    func notBefore(_ part: Int) -> Instant? { self.parts[part].notBefore }

    /// Op 8 leaves. Returns the part that may line up now.
    mutating func asked(_ part: Int, nonce: String, now: Instant) -> Int? {
        self.parts[part].nonce = nonce
        self.parts[part].attempts += 1
        self.parts[part].progressAt = now
        self.parts[part].received = []
        guard part + 1 == self.begun, self.begun < self.parts.count else { return nil }
        self.begun += 1
        return part + 1
    }

    /// The part will be asked for again: chunks of the attempt before count no more.
    ///
    /// - Parameter wasRefused: Discord did not take the attempt at all.
    mutating func givenUp(_ part: Int, wasRefused: Bool = false, notBefore: Instant? = nil) {
        self.parts[part].nonce = nil
        self.parts[part].progressAt = nil
        self.parts[part].notBefore = notBefore
        if wasRefused { self.parts[part].attempts -= 1 }
    }

    /// The session went on over a new connection: the wait begins anew.
    mutating func resumed(_ part: Int, now: Instant) { self.parts[part].progressAt = now }

    /// `nil`: the chunk came before, or is none of this request's.
    mutating func received(_ part: Int, index: Int, count: Int, now: Instant) -> MembersChunk.Position? {
        guard (1...Self.mostChunks).contains(count), (0..<count).contains(index),
            self.parts[part].received.insert(index).inserted
        else { return nil }
        self.parts[part].progressAt = now
        if self.parts[part].received.count == count {
            self.parts[part].isDone = true
            self.parts[part].nonce = nil
            self.parts[part].received = []
        }
        return MembersChunk.Position(
            part: part, parts: self.parts.count, attempt: self.parts[part].attempts, index: index, count: count)
    }
}
