import CPostgres

/// An eventfd: makes a thread that waits in poll(2) look up.
struct WakeUpDescriptor: ~Copyable, Sendable {
    let fileDescriptor: Int32

    init() throws(PostgresError) {
        self.fileDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard self.fileDescriptor >= 0 else {
            throw PostgresError(.connectFailed, "no event descriptor: too many files are open")
        }
    }

    deinit { close(self.fileDescriptor) }

    func signal() {
        var one: UInt64 = 1
        // It fails only when the counter is full, which wakes just as well.
        _ = write(self.fileDescriptor, &one, 8)
    }

    func reset() {
        var count: UInt64 = 0
        // It fails when nobody has signalled.
        _ = read(self.fileDescriptor, &count, 8)
    }
}
