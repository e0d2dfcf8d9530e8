import AMQP

/// Where a message's events come from, as its headers tell.
struct EventSource: Sendable, Equatable {
    /// Which shard count of the application.
    let generation: Int64
    /// Discord's session id.
    let session: String

    init(generation: Int64, session: String) {
        self.generation = generation
        self.session = session
    }

    /// `nil`: the headers don't tell.
    init?(_ headers: AMQPTable) {
        guard let generation = headers["generation"]?.integerValue, let session = headers["session"]?.stringValue else {
            return nil
        }
        self.init(generation: generation, session: session)
    }
}
