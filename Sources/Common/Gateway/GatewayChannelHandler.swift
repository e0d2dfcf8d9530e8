import NIOCore
import NIOWebSocket

/// The last handler of an upgraded channel: frames, inflating, the close handshake and back-pressure of one connection.
final class GatewayChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case open
        /// Our close frame is out and the peer's isn't in.
        case closing(code: UInt16)
        /// The delegate knows the end; TCP isn't gone yet.
        case over
    }

    let limits: GatewayLimits
    let compression: GatewayCompression
    let role: GatewayRole
    private let inflater: MessageInflater?
    private let encoder: MessageEncoder
    private var parser: WebSocketParser
    private var state = State.open
    private var connection: GatewayConnection?
    private var delegate: (any GatewayConnectionDelegate)?
    private var context: ChannelHandlerContext?
    private var isReading = true
    private var isProcessing = false
    /// One of the connection's methods is on the stack.
    private var isCalled = false
    /// What was read after messages that are not delivered yet.
    private var held: Result<WebSocketParser.Event, GatewayError>?
    /// TCP is gone, and why; messages may still wait for `setReading(true)`.
    private var inputEnded = false
    private var socketError: (any Error)?
    private var frames = ByteBuffer()
    private var deadline: Scheduled<Void>?

    /// Messages are inflated until so many bytes are ready, then delivered.
    private static let batchBytes = 64 << 10
    /// A larger write buffer is given back after use.
    private static let keptFrameBytes = 1 << 20

    init(role: GatewayRole, compression: GatewayCompression, limits: GatewayLimits) throws(GatewayError) {
        self.role = role
        self.compression = compression
        self.limits = limits
        // Only a server's messages are compressed.
        self.inflater = try MessageInflater(role == .client ? compression : .none, limits: limits)
        self.encoder = try MessageEncoder(role == .server ? compression : .none)
        self.parser = WebSocketParser(role: role, limits: limits)
    }

    /// Tells who hears the messages. Call it before the handler joins the pipeline.
    func begin(_ connection: GatewayConnection, delegate: any GatewayConnectionDelegate) {
        self.connection = connection
        self.delegate = delegate
    }

    var isInPipeline: Bool { self.context != nil }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.endInput()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.endInput()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.socketError = self.socketError ?? error
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if case .open = self.state, let connection { self.delegate?.writabilityChanged(on: connection) }
        context.fireChannelWritabilityChanged()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .over = self.state { return }
        self.parser.append(self.unwrapInboundIn(data))
        self.process()
    }

    // MARK: - Reading

    private func process() {
        guard !self.isProcessing else { return }
        self.isProcessing = true
        defer { self.isProcessing = false }
        while self.isReading, let connection {
            if case .over = self.state { return }
            if case .open = self.state, let message = self.inflater?.next() {
                self.delegate?.received(message, on: connection)
            } else if let held {
                self.held = nil
                switch held {
                case .success(let event): self.handle(event, on: connection)
                case .failure(let error): self.fail(error)
                }
            } else if !self.fill() {
                self.inflater?.rest()
                break
            }
        }
        if self.inputEnded, self.isReading { self.finishAfterInput() }
    }

    /// Reads on until something can be delivered; false when more bytes from the socket are needed.
    private func fill() -> Bool {
        do {
            guard case .open = self.state, let inflater else {
                self.held = try self.parser.next().map { .success($0) }
                return self.held != nil
            }
            while inflater.readyBytes < Self.batchBytes {
                switch try self.parser.next() {
                case .binary(let payload):
                    try inflater.append(payload)
                case let event?:
                    self.held = .success(event)
                    return true
                case nil:
                    return inflater.readyBytes > 0
                }
            }
        } catch {
            self.held = .failure(error)
        }
        return true
    }

    private func handle(_ event: WebSocketParser.Event, on connection: GatewayConnection) {
        switch (event, self.state) {
        case (_, .over), (.pong, _):
            break
        case (.ping(let payload), _):
            self.writeControl { $0.writeFrame(.pong, payload: payload, mask: $1) }
        case (.close(let code, let reason), .open):
            self.writeControl { $0.writeCloseFrame(code: code, reason: "", mask: $1) }
            self.finish(.peer(code: code, reason: reason))
            self.leaveTCP()
        case (.close(let echo, _), .closing(let code)):
            // One with another code was on its way before it could hear of ours.
            self.finish(.local(code: code, isAnswered: echo == code))
            self.leaveTCP()
        case (.text, .closing), (.binary, .closing):
            break
        case (.text(let message), .open):
            self.delegate?.received(message, on: connection)
        case (.binary(let message), .open):
            if self.role == .server {
                self.delegate?.received(message, on: connection)
            } else {
                self.fail(GatewayError(.unsupportedData, "a binary message came on an uncompressed connection"))
            }
        }
    }

    func setReading(_ reading: Bool) {
        guard self.isReading != reading else { return }
        self.isReading = reading
        self.setAutoRead(reading)
        if reading { self.process() }
    }

    private func setAutoRead(_ value: Bool) {
        guard !self.inputEnded, let channel = self.context?.channel else { return }
        do {
            try channel.syncOptions?.setOption(.autoRead, value: value)
        } catch {
            self.socketError = self.socketError ?? error
            channel.close(promise: nil)
        }
    }

    private func endInput() {
        self.inputEnded = true
        self.deadline?.cancel()
        self.deadline = nil
        self.process()
    }

    private func finishAfterInput() {
        switch self.state {
        case .open: self.finish(.dropped(self.socketError))
        case .closing(let code): self.finish(.local(code: code, isAnswered: false))
        case .over: break
        }
    }

    // MARK: - Writing

    func write(_ items: [GatewayConnection.Outbox.Item]) {
        guard let context else { return }
        for item in items {
            guard case .open = self.state else { break }
            switch item {
            case .message(let message):
                do {
                    try self.encode(message)
                } catch {
                    return self.fail(error)
                }
            case .frames(let frames):
                self.writeEncoded(context)
                context.write(self.wrapOutboundOut(frames), promise: nil)
            case .close(let code, let reason):
                self.closeLocally(code: code, reason: reason)
            }
        }
        self.writeEncoded(context)
        context.flush()
        self.checkUnsent(context)
    }

    private func encode(_ message: ByteBuffer) throws(GatewayError) {
        switch self.role {
        case .server: try self.encoder.encode(message, into: &self.frames)
        case .client: self.frames.writeFrame(.text, payload: message, mask: .random())
        }
    }

    private func writeEncoded(_ context: ChannelHandlerContext) {
        guard self.frames.readableBytes > 0 else { return }
        context.write(self.wrapOutboundOut(self.frames), promise: nil)
        if self.frames.capacity > Self.keptFrameBytes {
            self.frames = ByteBuffer()
        } else {
            self.frames.clear()
        }
    }

    private func writeControl(_ write: (inout ByteBuffer, WebSocketMaskingKey?) -> Void) {
        guard let context else { return }
        write(&self.frames, self.role == .client ? .random() : nil)
        self.writeEncoded(context)
        context.flush()
        self.checkUnsent(context)
    }

    private func checkUnsent(_ context: ChannelHandlerContext) {
        guard !context.channel.isWritable, let options = context.channel.syncOptions else { return }
        // A channel that cannot tell its unsent bytes is not a socket.
        let unsent = (try? options.getOption(.bufferedWritableBytes)) ?? 0
        if unsent > self.limits.maxUnsentBytes { self.cutSlowReader() }
    }

    func cutSlowReader() {
        let limit = self.limits.maxUnsentBytes
        self.finish(.failed(GatewayError(.slowReader, "the peer reads too slowly: over \(limit) bytes are unsent")))
        self.context?.close(promise: nil)
    }

    // MARK: - Ending

    /// Does what the connection's user asked for on the event loop.
    func whileCalled(_ action: (GatewayChannelHandler) -> Void) {
        let wasCalled = self.isCalled
        self.isCalled = true
        defer { self.isCalled = wasCalled }
        action(self)
    }

    private func closeLocally(code: UInt16, reason: String) {
        self.state = .closing(code: code)
        self.writeControl { $0.writeCloseFrame(code: code, reason: reason, mask: $1) }
        self.cutAfterDeadline()
        // The peer's close frame must be read even by a paused connection.
        self.setReading(true)
        if self.inputEnded { self.process() }
    }

    func drop() {
        self.finish(.dropped(nil))
        self.context?.close(promise: nil)
    }

    private func fail(_ error: GatewayError) {
        if case .closing(let code) = self.state { return self.finish(.local(code: code, isAnswered: false)) }
        if let code = error.closeCode {
            self.writeControl { $0.writeCloseFrame(code: code, reason: error.message, mask: $1) }
        }
        self.finish(.failed(error))
        // Closing at once with unread bytes would reset TCP, and the peer might never see the close frame.
        self.cutAfterDeadline()
    }

    /// Both close frames are through. The server ends TCP, the client waits for that (RFC 6455, section 7.1.1).
    private func leaveTCP() {
        switch self.role {
        case .server: self.context?.close(promise: nil)
        case .client: self.cutAfterDeadline()
        }
    }

    private func cutAfterDeadline() {
        guard self.deadline == nil, !self.inputEnded, let context else { return }
        let loopBound = context.loopBound
        self.deadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(self.limits.closeTimeout)) {
            self.finishAfterInput()
            loopBound.value.close(promise: nil)
        }
    }

    private func finish(_ reason: GatewayCloseReason) {
        if case .over = self.state { return }
        self.state = .over
        let (connection, delegate) = (self.connection, self.delegate)
        self.connection = nil
        self.delegate = nil
        guard let connection else { return }
        connection.shutOutbox()
        if self.isCalled {
            connection.eventLoop.execute { delegate?.closed(reason, on: connection) }
        } else {
            delegate?.closed(reason, on: connection)
        }
        // What still comes is thrown away, so that the peer's end of TCP is seen.
        if !self.isReading {
            self.isReading = true
            self.setAutoRead(true)
        }
    }
}
