import Foundation
import NIOCore

/// One connection through a `FaultProxy`: a client's channel and a server's. Confined to one event loop.
final class ProxyLink {
    let eventLoop: any EventLoop
    private let client: any Channel
    private let server: any Channel
    private let up: ProxyFlow
    private let down: ProxyFlow
    private var isOver = false
    /// The server's end is not passed on.
    private var isHalfOpen = false
    private var onOver: (() -> Void)?

    init(client: any Channel, server: any Channel) {
        self.eventLoop = client.eventLoop
        self.client = client
        self.server = server
        self.up = ProxyFlow(from: client, to: server)
        self.down = ProxyFlow(from: server, to: client)
    }

    func begin() throws {
        try self.server.pipeline.syncOperations.addHandler(
            ProxyEnd(reads: self.down, writes: self.up, onActive: {}) { [weak self] in
                self.map { $0.ended($0.server) }
            })
        // Nothing can be written to a client whose channel is still being made.
        try self.client.pipeline.syncOperations.addHandler(
            ProxyEnd(
                reads: self.up, writes: self.down,
                onActive: {
                    self.up.readOn()
                    self.down.readOn()
                }
            ) { [weak self] in self.map { $0.ended($0.client) } })
    }

    func whenOver(_ body: @escaping () -> Void) {
        if self.isOver { body() } else { self.onOver = body }
    }

    func apply(_ fault: FaultProxy.Fault) {
        guard !self.isOver else { return }
        switch fault {
        case .finish: self.close()
        case .reset:
            for channel in [self.client, self.server] {
                // Where it fails the end is a proper one, which is a cut as well.
                _ = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
            }
            self.close()
        case .stall(let milliseconds):
            self.up.isStalled = true
            self.down.isStalled = true
            self.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(milliseconds))) { [weak self] in
                self?.mend()
            }
        case .silence: self.down.isSilent = true
        case .corrupt(let offset): self.down.corruptsAt = offset
        case .slow(let bytesPerSecond): self.down.bytesPerSecond = max(1, bytesPerSecond)
        case .halfOpen:
            self.isHalfOpen = true
            self.up.isSilent = true
            self.server.close(promise: nil)
        }
    }

    func mend() {
        self.up.goOn()
        self.down.goOn()
    }

    func inject(_ bytes: [UInt8]) { self.client.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    private func close() {
        self.client.close(promise: nil)
        self.server.close(promise: nil)
    }

    private func ended(_ channel: any Channel) {
        if self.isHalfOpen, channel === self.server { return }
        guard !self.isOver else { return }
        self.isOver = true
        self.close()
        self.onOver?()
        self.onOver = nil
    }
}

/// The bytes of one direction.
final class ProxyFlow {
    private let source: any Channel
    private let sink: any Channel
    var isStalled = false
    var isSilent = false
    var corruptsAt: Int?
    var bytesPerSecond: Int?
    /// A read was asked for and has brought nothing yet.
    private var isReading = false
    private var isWaiting = false
    /// What a read brought that was asked for before the stall.
    private var held: [ByteBuffer] = []

    init(from source: any Channel, to sink: any Channel) {
        self.source = source
        self.sink = sink
    }

    /// Asks for more, when there is room for it.
    func readOn() {
        guard !self.isReading, !self.isWaiting, !self.isStalled, self.sink.isWritable || self.isSilent else { return }
        self.isReading = true
        self.source.read()
    }

    func goOn() {
        self.isStalled = false
        self.isSilent = false
        self.bytesPerSecond = nil
        for bytes in self.held { self.carry(bytes) }
        self.held = []
        self.readOn()
    }

    func carry(_ bytes: ByteBuffer) {
        guard !self.isSilent else { return }
        guard !self.isStalled else { return self.held.append(bytes) }
        var bytes = bytes
        if let offset = self.corruptsAt.take(), bytes.readableBytes > 0 {
            let index = bytes.readerIndex + offset % bytes.readableBytes
            if let byte = bytes.getInteger(at: index, as: UInt8.self) { bytes.setInteger(byte ^ 1, at: index) }
        }
        if let bytesPerSecond = self.bytesPerSecond {
            self.isWaiting = true
            let pause = TimeAmount.milliseconds(Int64(bytes.readableBytes) * 1000 / Int64(bytesPerSecond))
            self.source.eventLoop.assumeIsolated().scheduleTask(in: pause) {
                self.isWaiting = false
                self.readOn()
            }
        }
        self.sink.writeAndFlush(bytes, promise: nil)
    }

    func readComplete() {
        self.isReading = false
        self.readOn()
    }
}

/// One channel's end of a link.
private final class ProxyEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let reads: ProxyFlow
    private let writes: ProxyFlow
    private let onActive: () -> Void
    private let onEnd: () -> Void

    init(
        reads: ProxyFlow, writes: ProxyFlow, onActive: @escaping () -> Void, onEnd: @escaping () -> Void
    ) {
        self.reads = reads
        self.writes = writes
        self.onActive = onActive
        self.onEnd = onEnd
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { self.onActive() }
    }

    func channelActive(context: ChannelHandlerContext) {
        self.onActive()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.reads.carry(self.unwrapInboundIn(data)) }
    func channelReadComplete(context: ChannelHandlerContext) { self.reads.readComplete() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.writes.readOn() }
    }

    func channelInactive(context: ChannelHandlerContext) { self.onEnd() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
