import NIOCore

/// Events of one slot, one session and one route that travel as one message.
struct EventBatch: Sendable {
    /// Grows with each batch of a slot: the order within a route.
    let number: UInt64
    let route: PublishRoute
    let session: SessionTrack
    let firstSequence: Int64
    private(set) var lastSequence: Int64
    /// The last number of the session that was received before the first event.
    let precedingSequence: Int64
    private(set) var count = 1
    /// Its only line tells that the session is lost.
    let isGap: Bool
    var body: ByteBuffer
    /// The highest ticket of its events: the cache has to know them before it leaves. 0: none.
    private(set) var cacheTicket: UInt64
    /// The cache's old state belongs into its only line.
    private(set) var awaitsOld: Bool

    /// Which of a slot's sessions, in order, and its id at Discord's.
    struct SessionTrack: Sendable, Equatable {
        let index: Int
        let id: String
    }

    var bytes: Int { self.body.readableBytes }

    init(
        number: UInt64,
        route: PublishRoute,
        session: SessionTrack,
        sequence: Int64,
        precedingSequence: Int64,
        isGap: Bool = false,
        body: ByteBuffer,
        ticket: CacheTicket? = nil
    ) {
        self.number = number
        self.route = route
        self.session = session
        self.firstSequence = sequence
        self.lastSequence = sequence
        self.precedingSequence = precedingSequence
        self.isGap = isGap
        self.body = body
        self.cacheTicket = ticket?.number ?? 0
        self.awaitsOld = ticket?.attachesOld ?? false
    }

    mutating func append(sequence: Int64, ticket: CacheTicket? = nil) {
        self.lastSequence = sequence
        self.count += 1
        if let ticket { self.cacheTicket = max(self.cacheTicket, ticket.number) }
    }

    /// Puts `"old":…` before `"d"` of its only line; without an old state the line stays as it is.
    mutating func attach(old: ByteBuffer?) {
        self.awaitsOld = false
        guard let old else { return }
        self.body = EventEnvelope.line(self.body, with: old)
    }
}
