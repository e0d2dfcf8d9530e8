import NIOCore

/// Commands on their way: encoded, with the deadline and whom to tell. `completion` is called once, on the event loop,
/// with as many results as there are commands.
struct RedisRequest: Sendable {
    var bytes: ByteBuffer
    let count: Int
    let deadline: NIODeadline
    /// Waits out even a server known to be unreachable.
    var waitsForConnection = false
    let completion: @Sendable ([RESPValue]) -> Void

    func fail(_ error: RedisError) {
        self.completion(Array(repeating: .error(error), count: self.count))
    }
}
