package import NIOCore
import Synchronization

/// One open WebSocket to or from a gateway. Every method may be called on any thread.
package final class GatewayConnection: Sendable {
    package let eventLoop: any EventLoop
    package let compression: GatewayCompression
    package let remoteAddress: SocketAddress?

    /// What was asked for and not yet written, in order. Writing happens once an event loop tick, all in one go.
    struct Outbox {
        enum Item {
            case message(ByteBuffer), frames(ByteBuffer)
            case close(code: UInt16, reason: String)
        }
        var items: [Item] = []
        var bytes = 0
        var isScheduled = false
        var isOver = false
    }

    private let channel: any Channel
    private let handler: NIOLoopBound<GatewayChannelHandler>
    private let maxUnsentBytes: Int
    private let outbox = Mutex(Outbox())

    /// Call it on the channel's event loop.
    init(channel: any Channel, handler: GatewayChannelHandler) {
        self.eventLoop = channel.eventLoop
        self.channel = channel
        self.compression = handler.compression
        self.remoteAddress = channel.remoteAddress
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        self.maxUnsentBytes = handler.limits.maxUnsentBytes
    }

    /// Whether the socket takes more bytes without piling them up. False once it is closed.
    package var isWritable: Bool { self.channel.isActive && self.channel.isWritable }

    /// Sends one message: a text frame, or a compressed binary frame where the server compresses.
    package func send(_ message: ByteBuffer) { self.enqueue(.message(message), bytes: message.readableBytes) }

    /// Sends bytes that are WebSocket frames already, in order with `send(_:)`.
    package func sendPrecompressed(_ frames: ByteBuffer) { self.enqueue(.frames(frames), bytes: frames.readableBytes) }

    /// Sends a close frame after everything sent before; TCP is cut after the limits' `closeTimeout`.
    /// No message is delivered after that. `reason` is shortened to 123 bytes.
    package func close(code: UInt16, reason: String = "") {
        self.enqueue(.close(code: code, reason: reason), bytes: 0)
        // A delegate that closes inside `received` must not hear the rest of the batch.
        if self.eventLoop.inEventLoop, self.handler.value.isInPipeline {
            self.handler.value.whileCalled { $0.write(self.takeOutbox()) }
        }
    }

    /// Cuts TCP without a close frame, and forgets what was not sent yet.
    package func drop() {
        self.onEventLoop { $0.drop() }
    }

    /// Pauses or resumes: while paused nothing is read from the socket and no message is delivered.
    package func setReading(_ reading: Bool) {
        self.onEventLoop { $0.setReading(reading) }
    }

    private enum Enqueued { case joined, first, tooMuch, over }

    private func enqueue(_ item: Outbox.Item, bytes: Int) {
        let enqueued = self.outbox.withLock { outbox -> Enqueued in
            guard !outbox.isOver else { return .over }
            guard bytes <= self.maxUnsentBytes - outbox.bytes else {
                outbox.isOver = true
                outbox.items = []
                return .tooMuch
            }
            outbox.items.append(item)
            outbox.bytes += bytes
            defer { outbox.isScheduled = true }
            return outbox.isScheduled ? .joined : .first
        }
        switch enqueued {
        case .first: self.eventLoop.execute { self.handler.value.write(self.takeOutbox()) }
        case .tooMuch: self.onEventLoop { $0.cutSlowReader() }
        case .joined, .over: break
        }
    }

    private func takeOutbox() -> [Outbox.Item] {
        self.outbox.withLock { outbox in
            defer {
                outbox.items = []
                outbox.bytes = 0
                outbox.isScheduled = false
            }
            return outbox.items
        }
    }

    /// The connection is over: nothing more is taken in.
    func shutOutbox() {
        self.outbox.withLock { outbox in
            outbox.isOver = true
            outbox.items = []
        }
    }

    private func onEventLoop(_ action: @escaping @Sendable (GatewayChannelHandler) -> Void) {
        if self.eventLoop.inEventLoop {
            self.handler.value.whileCalled(action)
        } else {
            self.eventLoop.execute { action(self.handler.value) }
        }
    }
}
