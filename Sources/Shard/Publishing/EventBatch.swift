import NIOCore

/// Events of one slot, one session and one route that travel as one message.
struct EventBatch: Sendable {
    /// Grows with each batch of a slot: the order within a route.
    let number: UInt64
    let route: PublishRoute
    let session: SessionTrack
    let firstSequence: Int64
    private(set) var lastSequence: Int64
    /// What the watermark of the session knows the events by.
    private(set) var ordinals: [UInt64]
    var body: ByteBuffer

    /// Which of a slot's sessions, in order, and its id at Discord's.
    struct SessionTrack: Sendable, Equatable {
        let index: Int
        let id: String
    }

    var count: Int { self.ordinals.count }
    var bytes: Int { self.body.readableBytes }

    init(number: UInt64, route: PublishRoute, session: SessionTrack, sequence: Int64, ordinal: UInt64, body: ByteBuffer)
    {
        self.number = number
        self.route = route
        self.session = session
        self.firstSequence = sequence
        self.lastSequence = sequence
        self.ordinals = [ordinal]
        self.body = body
    }

    mutating func append(sequence: Int64, ordinal: UInt64) {
        self.lastSequence = sequence
        self.ordinals.append(ordinal)
    }
}
