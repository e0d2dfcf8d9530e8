import Gateway
import NIOCore
import Synchronization

/// Keeps what a connection's delegate hears, and lets a test wait for it.
final class Recorder: GatewayConnectionDelegate {
    enum Event: Sendable {
        case message(ByteBuffer)
        case closed(GatewayCloseReason)
    }

    struct Ended: Error {}

    let connection: GatewayConnection
    private let heard = Mutex<[Event]>([])
    private let stream: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation
    private let react: @Sendable (ByteBuffer, GatewayConnection) -> Void

    init(
        _ connection: GatewayConnection,
        react: @escaping @Sendable (ByteBuffer, GatewayConnection) -> Void = { _, _ in }
    ) {
        self.connection = connection
        self.react = react
        (self.stream, self.continuation) = AsyncStream.makeStream()
    }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        self.record(.message(message))
        self.react(message, connection)
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {
        self.record(.closed(reason))
        self.continuation.finish()
    }

    private func record(_ event: Event) {
        self.heard.withLock { $0.append(event) }
        self.continuation.yield(event)
    }

    var messages: [ByteBuffer] {
        self.heard.withLock { $0.compactMap { if case .message(let message) = $0 { message } else { nil } } }
    }

    var texts: [String] { self.messages.map { String(buffer: $0) } }

    var closes: [GatewayCloseReason] {
        self.heard.withLock { $0.compactMap { if case .closed(let reason) = $0 { reason } else { nil } } }
    }

    /// Whether `closed` was the last call, and the only one of its kind.
    var endedOnce: Bool {
        self.heard.withLock { heard in
            guard case .closed? = heard.last else { return false }
            return heard.dropLast().allSatisfy { if case .message = $0 { true } else { false } }
        }
    }

    func nextMessage() async throws -> ByteBuffer {
        for await event in self.stream {
            if case .message(let message) = event { return message }
            throw Ended()
        }
        throw Ended()
    }

    func nextText() async throws -> String { String(buffer: try await self.nextMessage()) }

    /// Waits for the end, past messages.
    func close() async throws -> GatewayCloseReason {
        for await event in self.stream {
            if case .closed(let reason) = event { return reason }
        }
        guard let reason = self.closes.first else { throw Ended() }
        return reason
    }
}

extension GatewayCloseReason {
    /// The reason in short, for comparisons.
    var summary: String {
        switch self {
        case .peer(let code, let reason): "peer \(code.map(String.init) ?? "none") \(reason)"
        case .local(let code, _): "local \(code)"
        case .dropped: "dropped"
        case .failed(let error): "failed \(error.code)"
        }
    }
}
