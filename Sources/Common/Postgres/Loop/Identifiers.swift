/// One connection of one pool, from the attempt to connect on. Never reused.
struct ConnectionID: Hashable, Sendable {
    let rawValue: UInt64
}

/// One statement, or one wish for a connection.
struct RequestID: Hashable, Sendable {
    let rawValue: UInt64
}

/// The right to one connection, until it is released.
struct PostgresLease: Hashable, Sendable {
    let id: RequestID
}
