import Synchronization

/// What any thread may ask about a connection; its event loop alone sets it.
final class AMQPConnectionStatus: Sendable {
    private let open = Atomic(false)
    private let blocked = Atomic(false)
    private let writable = Atomic(true)

    var isOpen: Bool {
        get { self.open.load(ordering: .acquiring) }
        set { self.open.store(newValue, ordering: .releasing) }
    }

    /// The broker takes no publishes for now.
    var isBlocked: Bool {
        get { self.blocked.load(ordering: .acquiring) }
        set { self.blocked.store(newValue, ordering: .releasing) }
    }

    /// The bytes that wait for the socket are below their bound.
    var isWritable: Bool {
        get { self.writable.load(ordering: .acquiring) }
        set { self.writable.store(newValue, ordering: .releasing) }
    }
}
