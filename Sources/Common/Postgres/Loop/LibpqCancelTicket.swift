import CPostgres

/// The right to ask once that a connection's statement be cancelled. libpq allows it on any thread, next to the
/// connection.
///
/// The address travels as a number, since whoever holds the ticket is the only one to use and free what it points to.
struct LibpqCancelTicket: ~Copyable, Sendable {
    private let address: UInt

    init(owning cancel: OpaquePointer) { self.address = UInt(bitPattern: cancel) }

    deinit { PQfreeCancel(OpaquePointer(bitPattern: self.address)) }

    /// Blocks until the server has passed the request on. Whether it came in time shows in the statement's own answer.
    borrowing func deliver() {
        var message = [CChar](repeating: 0, count: 256)
        // A request that can not be delivered leaves the connection to its drain deadline.
        _ = PQcancel(OpaquePointer(bitPattern: self.address), &message, Int32(message.count))
    }
}
