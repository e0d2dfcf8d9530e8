import Synchronization

/// Tells a member that the broker has cut it off from the exchange of its incarnation. Fences of earlier incarnations
/// are not heard.
final class FenceSignal: Sendable {
    private struct Watch {
        let exchange: String
        let continuation: AsyncStream<Void>.Continuation
    }

    private let watch = Mutex<Watch?>(nil)

    /// One element once this exchange is gone. Watching a new exchange ends the watch of the one before.
    func fences(of exchange: String) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let earlier = self.watch.withLock { watch in
            defer { watch = Watch(exchange: exchange, continuation: continuation) }
            return watch
        }
        earlier?.continuation.finish()
        return stream
    }

    func fenced(_ exchange: String) {
        self.watch.withLock { watch in
            if watch?.exchange == exchange { _ = watch?.continuation.yield() }
        }
    }
}
