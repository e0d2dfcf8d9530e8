import NIOCore
import NIOSSL

/// One connection: the last handler of its channel. Collects writes until `flush`, matches replies, keeps deadlines,
/// pings when idle and cuts a silent peer. Lives on its event loop.
final class RedisConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// Smaller requests are copied together; larger ones are written as they are.
    private static let copyLimit = 8 << 10

    private let reader: RESPReader
    private let inbox: RequestInbox
    private let eventLoop: any EventLoop
    private let tickInterval: TimeAmount
    private let timer: DeadlineTimer
    private var queue = ReplyQueue()
    private var context: ChannelHandlerContext?
    private var outgoing = ByteBuffer()
    private var ticking: Scheduled<Void>?
    private(set) var isClosed = false

    /// Ticks in a row without a byte read; and those of them in which an answer was owed.
    private var silentTicks = 0
    private var owedTicks = 0
    private var isPushPingOwed = false

    /// Called once when the connection is over.
    var closed: ((RedisError) -> Void)?
    /// Once set, gets all replies: the connection is one of pub/sub.
    var pushed: ((RESPValue) -> Void)?

    init(
        configuration: RedisConfiguration, inbox: RequestInbox, eventLoop: any EventLoop
    )
        throws(RedisError)
    {
        self.reader = try RESPReader(limits: configuration.limits)
        self.inbox = inbox
        self.eventLoop = eventLoop
        self.tickInterval = TimeAmount(max(configuration.silenceLimit / 2, .milliseconds(10)))
        self.timer = DeadlineTimer(eventLoop: eventLoop)
        self.timer.fired = { [weak self] now in self?.expire(now: now) }
    }

    var isIdle: Bool { self.queue.isEmpty }

    /// Nothing is sent before `flush`.
    func submit(_ request: RedisRequest) {
        guard !self.isClosed, self.context != nil else {
            return request.fail(RedisError(.connectionLost, "the connection is closed"))
        }
        var queued = request
        queued.bytes = ByteBuffer()
        self.queue.append(queued, byteCount: request.bytes.readableBytes)
        self.timer.arm(for: request.deadline)
        self.write(request.bytes)
    }

    /// Writes a command whose replies go to `pushed`.
    func push(_ bytes: ByteBuffer) {
        guard !self.isClosed else { return }
        self.write(bytes)
    }

    private func write(_ bytes: ByteBuffer) {
        if bytes.readableBytes > Self.copyLimit {
            self.writeOutgoing()
            self.context?.write(NIOAny(bytes), promise: nil)
        } else {
            self.outgoing.writeImmutableBuffer(bytes)
        }
    }

    func flush() {
        guard !self.isClosed, let context else { return }
        self.writeOutgoing()
        context.flush()
    }

    private func writeOutgoing() {
        guard self.outgoing.readableBytes > 0 else { return }
        self.context?.write(NIOAny(self.outgoing), promise: nil)
        self.outgoing.clear()
    }

    /// Ends the connection. What was sent and is not answered fails with `error`.
    func close(_ error: RedisError) {
        guard !self.isClosed else { return }
        self.isClosed = true
        self.timer.cancel()
        self.ticking?.cancel()
        let context = self.context
        self.context = nil
        context?.close(promise: nil)
        let (lost, lateCommands, lateBytes) = self.queue.removeAll(error.with(delivery: .mayHaveExecuted))
        self.inbox.release(commands: lateCommands, bytes: lateBytes)
        let closed = self.closed
        self.closed = nil
        self.pushed = nil
        closed?(error)
        for (request, results) in lost { request.completion(results) }
    }

    private func expire(now: NIODeadline) -> NIODeadline? {
        let (expired, next) = self.queue.expire(now: now)
        for entry in expired {
            self.inbox.charge(commands: entry.request.count, bytes: entry.byteCount)
            entry.request.completion(entry.results)
        }
        return next
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard !self.isClosed else { return context.close(promise: nil) }  // the attempt ended before its channel began
        self.context = context
        self.scheduleTick()
    }

    private func scheduleTick() {
        self.ticking = self.eventLoop.assumeIsolated().scheduleTask(in: self.tickInterval) { [weak self] in
            self?.tick()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.silentTicks = 0
        self.owedTicks = 0
        self.isPushPingOwed = false
        do throws(RedisError) {
            try self.reader.feed(self.unwrapInboundIn(data))
            while !self.isClosed, let value = try self.reader.next() {
                try self.received(value)
            }
        } catch {
            self.close(error)
        }
    }

    private func received(_ value: RESPValue) throws(RedisError) {
        if let pushed { return pushed(value) }
        switch self.queue.receive(value) {
        case .stored: break
        case .completed(let request, let results): request.completion(results)
        case .settledLate(let commands, let bytes): self.inbox.release(commands: commands, bytes: bytes)
        case .unexpected: throw RedisError(.protocolViolation, "a reply to no command")
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let isTLS = error is NIOSSLError || error is NIOSSLExtraError || error is BoringSSLError
        self.close(RedisError(isTLS ? .tlsFailed : .connectionLost, "the connection failed", underlying: error))
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.close(RedisError(.connectionLost, "the server closed the connection"))
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.close(RedisError(.connectionLost, "the connection was closed"))
    }

    /// Twice in each silence limit.
    private func tick() {
        self.silentTicks += 1
        if self.isPushPingOwed || !self.queue.isEmpty { self.owedTicks += 1 } else { self.owedTicks = 0 }
        // Three ticks hold two whole intervals.
        if self.owedTicks >= 3 {
            self.close(RedisError(.connectionLost, "the server owes an answer and is silent"))
        } else if self.silentTicks >= 2, self.owedTicks == 0 {
            self.ping()
        }
        if !self.isClosed { self.scheduleTick() }
    }

    private func ping() {
        var ping = RedisPipeline()
        ping.append("PING")
        if self.pushed != nil {
            self.isPushPingOwed = true
            self.push(ping.bytes)
        } else {
            self.queue.append(
                RedisRequest(bytes: ByteBuffer(), count: 1, deadline: .distantFuture) { _ in },
                byteCount: 0
            )
            self.write(ping.bytes)
        }
        self.flush()
    }
}
