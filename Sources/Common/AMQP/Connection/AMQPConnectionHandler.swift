import Logging
import NIOCore
import NIOSSL

/// The connection's end of the pipeline: frames in and out, handshake, heartbeats, channels by number. Lives on its
/// event loop.
final class AMQPConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let configuration: AMQPConfiguration
    let eventLoop: any EventLoop
    let status: AMQPConnectionStatus
    private let logger: Logger
    private let handshakeDeadline: NIODeadline
    /// Until it is kept: its value holds this handler.
    private var opened: EventLoopPromise<AMQPConnection>?
    private let closed: EventLoopPromise<AMQPError?>
    /// Held, with its delegate, until the connection is gone.
    private var facade: AMQPConnection?
    private var delegate: (any AMQPConnectionDelegate)?

    private var context: ChannelHandlerContext?
    private var machine: AMQPConnectionStateMachine
    private var decoder: AMQPFrameDecoder
    private var encoder: AMQPFrameEncoder
    private let methodDecoder: AMQPMethodDecoder
    private let headerDecoder: AMQPContentHeaderDecoder
    private var channels: [UInt16: AMQPChannelCore] = [:]
    private var lastChannel: UInt16 = 0
    private var channelMax: UInt16
    private var heartbeat: AMQPHeartbeat?
    private var heartbeatTimer: Scheduled<Void>?
    private var deadlineTimer: Scheduled<Void>?
    private var isStarted = false
    private var wasOpen = false
    private var isFinished = false
    private var endError: AMQPError?

    private var outgoing: AMQPOutgoingBytes
    /// Bytes handed to the socket's queue and not yet written.
    private var inFlight = 0
    private var isFlushScheduled = false
    private var isReading = false

    init(
        configuration: AMQPConfiguration,
        eventLoop: any EventLoop,
        status: AMQPConnectionStatus,
        delegate: (any AMQPConnectionDelegate)?,
        handshakeDeadline: NIODeadline,
        opened: EventLoopPromise<AMQPConnection>,
        closed: EventLoopPromise<AMQPError?>,
        logger: Logger
    ) {
        let pool = AMQPCodecPool()
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.status = status
        self.delegate = delegate
        self.handshakeDeadline = handshakeDeadline
        self.opened = opened
        self.closed = closed
        self.logger = logger
        self.machine = AMQPConnectionStateMachine(configuration: configuration)
        self.decoder = AMQPFrameDecoder(maximumFrameSize: max(AMQPFrame.minimumMaximum, configuration.frameMax))
        self.encoder = AMQPFrameEncoder(maximumFrameSize: AMQPFrame.minimumMaximum, pool: pool)
        self.methodDecoder = AMQPMethodDecoder(pool: pool)
        self.headerDecoder = AMQPContentHeaderDecoder(pool: pool)
        self.channelMax = configuration.channelMax
        self.outgoing = AMQPOutgoingBytes(allocator: ByteBufferAllocator())
    }

    func attach(_ facade: AMQPConnection) { self.facade = facade }

    // MARK: Pipeline

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.finish(self.machine.socketClosed())
        self.context = nil
    }

    /// Begins the handshake. A host may have many addresses, each tried with a handler of its own: only the one that
    /// won is started, and only that one may fail the connecting.
    func start() {
        guard !self.isStarted else { return }
        self.isStarted = true
        guard let context = self.context, !self.isFinished else {
            self.opened?.fail(self.endError ?? AMQPError(.connectFailed, "\(self.address) hung up at once"))
            self.opened = nil
            return
        }
        self.deadlineTimer = self.eventLoop.assumeIsolated().scheduleTask(deadline: self.handshakeDeadline) {
            self.finish(AMQPError(.timedOut, "the AMQP handshake with \(self.address) did not finish in time"))
        }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: AMQPFrameEncoder.protocolHeader)), promise: nil)
    }

    private var address: String { "\(self.configuration.host):\(self.configuration.port)" }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isFinished else { return }
        self.heartbeat?.read(at: .now())
        self.decoder.append(self.unwrapInboundIn(data))
        self.isReading = true
        do {
            while !self.isFinished, let frame = try self.decoder.next() { try self.received(frame) }
        } catch {
            self.fail(error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.isReading = false
        self.flush()
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.finish(self.machine.socketClosed())
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case NIOSSLError.uncleanShutdown:
            // The end of the stream follows; AMQP's own goodbye tells a clean end from a cut.
            return
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            self.finish(AMQPError(.connectFailed, "TLS with \(self.address) failed", underlying: error))
        default:
            self.finish(AMQPError(.connectionClosed, "the socket to \(self.address) failed", underlying: error))
        }
    }

    // MARK: Frames in

    private func received(_ frame: AMQPFrame) throws(AMQPError) {
        guard frame.kind != .heartbeat else {
            guard frame.channel == 0 else { throw .protocolViolation("a heartbeat on a channel", replyCode: 501) }
            return
        }
        guard frame.channel != 0 else {
            guard frame.kind == .method else { throw .protocolViolation("content on channel 0", replyCode: 504) }
            return try self.perform(try self.machine.received(try self.methodDecoder.decode(frame.payload)))
        }
        guard !self.machine.isClosing else { return }
        guard self.machine.isOpen, let channel = self.channels[frame.channel] else {
            throw .protocolViolation("a frame on channel \(frame.channel), which is not open", replyCode: 504)
        }
        switch frame.kind {
        case .method: try channel.received(try self.methodDecoder.decode(frame.payload))
        case .header:
            guard channel.takesContent else { return }
            try channel.received(try self.headerDecoder.decode(frame.payload))
        case .body: try channel.received(body: frame.payload)
        case .heartbeat: return
        }
    }

    private func perform(_ action: AMQPConnectionStateMachine.Action) throws(AMQPError) {
        switch action {
        case .none: return
        case .send(let method): try self.write(method, channel: 0)
        case .tuned(let tuning): try self.apply(tuning)
        case .opened:
            self.deadlineTimer?.cancel()
            self.deadlineTimer = nil
            self.status.isOpen = true
            self.wasOpen = true
            guard let facade = self.facade else { return }
            self.opened?.succeed(facade)
            self.opened = nil
        case .blocked(let reason):
            self.status.isBlocked = true
            self.logger.warning("The broker takes no publishes", metadata: ["amqp.reason": "\(reason)"])
            if let facade = self.facade { self.delegate?.blocked(reason: reason, on: facade) }
        case .unblocked:
            self.status.isBlocked = false
            self.logger.info("The broker takes publishes again")
            if let facade = self.facade { self.delegate?.unblocked(facade) }
        case .closedByBroker(let error):
            try self.write(.connectionCloseOk, channel: 0)
            self.flush()
            self.finish(error)
        case .closed:
            self.finish(nil)
        }
    }

    private func apply(_ tuning: AMQPConnectionStateMachine.Tuning) throws(AMQPError) {
        self.channelMax = tuning.channelMax
        self.decoder.maximumFrameSize = tuning.frameMax
        self.encoder.maximumFrameSize = tuning.frameMax
        if tuning.heartbeat > 0 {
            self.heartbeat = AMQPHeartbeat(interval: .seconds(Int64(tuning.heartbeat)), now: .now())
            self.scheduleHeartbeat()
        }
        try self.write(
            .connectionTuneOk(
                channelMax: tuning.channelMax,
                frameMax: UInt32(clamping: tuning.frameMax),
                heartbeat: tuning.heartbeat
            ),
            channel: 0)
        try self.write(.connectionOpen(virtualHost: self.configuration.virtualHost), channel: 0)
    }

    private func scheduleHeartbeat() {
        guard let heartbeat = self.heartbeat else { return }
        self.heartbeatTimer = self.eventLoop.assumeIsolated().scheduleTask(in: heartbeat.checkInterval) {
            guard !self.isFinished else { return }
            switch self.heartbeat?.action(at: .now()) {
            case .giveUp:
                let seconds = heartbeat.interval.nanoseconds / 500_000_000
                return self.finish(
                    AMQPError(.heartbeatMissed, "\(self.address) was silent for two heartbeat intervals (\(seconds) s)")
                )
            case .send:
                self.encoder.writeHeartbeat(into: &self.outgoing.current)
                self.flush()
            case .some(.none), nil: break
            }
            self.scheduleHeartbeat()
        }
    }

    // MARK: Frames out

    /// Bytes that wait for the socket.
    private var pendingBytes: Int { self.inFlight + self.outgoing.count }

    func write(_ method: ClientMethod, channel: UInt16) throws(AMQPError) {
        try self.encoder.write(method, channel: channel, into: &self.outgoing.current)
        self.outgoing.sealIfFull()
        self.scheduleFlush()
    }

    /// All messages or, on an error, none. `firstTag`: nil without confirms.
    func publish(
        _ messages: [AMQPMessage], firstTag: UInt64?, channel: UInt16, method: inout AMQPPublishMethod
    ) throws(AMQPError) {
        let size = messages.reduce(0) { $0 + $1.body.readableBytes }
        let pending = self.pendingBytes
        guard pending == 0 || pending + size <= self.configuration.maximumPendingBytes else {
            // Whoever is refused waits to hear that there is room again.
            self.setWritable(false)
            throw AMQPError(.backpressure, "\(pending) bytes wait for the socket already")
        }
        let mark = self.outgoing.mark
        do {
            try self.encoder.write(
                messages, firstTag: firstTag, channel: channel, method: &method, into: &self.outgoing)
        } catch {
            self.outgoing.rollBack(to: mark)
            throw error
        }
        self.scheduleFlush()
        self.updateWritability()
    }

    /// All that is written in one turn of the event loop leaves together.
    private func scheduleFlush() {
        guard !self.isFlushScheduled, !self.isReading else { return }
        self.isFlushScheduled = true
        self.eventLoop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        self.isFlushScheduled = false
        let count = self.outgoing.count
        guard count > 0, let context = self.context, !self.isFinished else { return }
        self.inFlight += count
        let pieces = self.outgoing.moveAll()
        let written = self.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in
            self.outgoing.wrote(pieces)
            self.inFlight -= count
            self.updateWritability()
        }
        for piece in self.outgoing.underWay.suffix(pieces).dropLast() {
            context.write(self.wrapOutboundOut(piece.bytes), promise: nil)
        }
        if let last = self.outgoing.underWay.last { context.write(self.wrapOutboundOut(last.bytes), promise: written) }
        context.flush()
        self.heartbeat?.wrote(at: .now())
    }

    private func updateWritability() {
        guard !self.isFinished else { return }
        let pending = self.pendingBytes
        let wasWritable = self.status.isWritable
        let isWritable =
            wasWritable
            ? pending < self.configuration.maximumPendingBytes : pending < self.configuration.maximumPendingBytes / 2
        self.setWritable(isWritable)
    }

    private func setWritable(_ isWritable: Bool) {
        guard isWritable != self.status.isWritable else { return }
        self.status.isWritable = isWritable
        for channel in Array(self.channels.values) { channel.connectionWritabilityChanged(isWritable) }
    }

    // MARK: Channels

    func openChannel(delegate: (any AMQPChannelDelegate)?, promise: EventLoopPromise<AMQPChannel>) {
        guard self.machine.isOpen, !self.isFinished else {
            return promise.fail(AMQPError(.connectionClosed, "the connection is not open"))
        }
        guard let number = self.freeChannelNumber() else {
            return promise.fail(AMQPError(.noChannelLeft, "all \(self.channelMax) channels are in use"))
        }
        let core = AMQPChannelCore(id: number, connection: self, delegate: delegate)
        self.channels[number] = core
        core.open(promise: promise)
    }

    private func freeChannelNumber() -> UInt16? {
        guard self.channels.count < Int(self.channelMax) else { return nil }
        repeat {
            self.lastChannel = self.lastChannel >= self.channelMax ? 1 : self.lastChannel + 1
        } while self.channels[self.lastChannel] != nil
        return self.lastChannel
    }

    /// The broker knows no such channel any more: its number is free.
    func forgetChannel(_ number: UInt16) { self.channels[number] = nil }

    // MARK: The end

    func close(within timeout: TimeAmount) {
        guard !self.isFinished else { return }
        guard self.machine.startClosing() else { return self.finish(nil) }
        do {
            try self.write(.connectionClose(replyCode: 200, replyText: "goodbye"), channel: 0)
        } catch {
            return self.finish(error)
        }
        self.status.isOpen = false
        self.deadlineTimer = self.eventLoop.assumeIsolated().scheduleTask(in: timeout) { self.finish(nil) }
    }

    func drop() { self.finish(nil) }

    /// What we were sent or asked to send is broken: tell the broker, without waiting for an answer.
    func fail(_ error: AMQPError) {
        guard !self.isFinished else { return }
        if self.machine.isOpen, let replyCode = error.replyCode {
            // A broker that broke the protocol may not care; the cut follows in any case.
            try? self.write(
                .connectionClose(replyCode: replyCode, replyText: String(error.message.prefix(60))), channel: 0)
            self.flush()
        }
        self.finish(error)
    }

    /// nil: we closed it.
    private func finish(_ error: AMQPError?) {
        guard !self.isFinished else { return }
        self.isFinished = true
        self.heartbeatTimer?.cancel()
        self.deadlineTimer?.cancel()
        self.status.isOpen = false
        self.status.isWritable = false
        self.endError = error
        if self.isStarted {
            self.opened?.fail(error ?? AMQPError(.connectionClosed, "closed before the handshake was done"))
            self.opened = nil
        }
        let channels = self.channels.sorted { $0.key < $1.key }
        self.channels = [:]
        for (_, channel) in channels { channel.connectionClosed(error) }
        if self.wasOpen, let facade = self.facade { self.delegate?.closed(error, on: facade) }
        self.facade = nil
        self.delegate = nil
        self.context?.close(promise: nil)
        self.closed.succeed(error)
    }
}
