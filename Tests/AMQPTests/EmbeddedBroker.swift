import Logging
import NIOCore
import NIOEmbedded

@testable import AMQP

/// The client's end of a connection whose broker is the test.
final class EmbeddedBroker {
    let channel: EmbeddedChannel
    let connection: EventLoopFuture<AMQPConnection>
    let handler: AMQPConnectionHandler

    init(
        delegate: (any AMQPConnectionDelegate)? = nil,
        _ change: (inout AMQPConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = AMQPConfiguration(host: "broker", user: "guest", password: "guest")
        configuration.heartbeat = .zero
        change(&configuration)
        self.channel = EmbeddedChannel()
        let loop = self.channel.embeddedEventLoop
        let opened = loop.makePromise(of: AMQPConnection.self)
        self.connection = opened.futureResult
        self.handler = AMQPConnection.makeHandler(
            configuration, on: loop, delegate: delegate, deadline: .now() + .seconds(10), opened: opened,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try self.channel.pipeline.syncOperations.addHandler(self.handler)
        self.channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 5_672), promise: nil)
        self.handler.start()
    }

    deinit {
        // A channel that is closed already can't be finished again, which is no matter here.
        _ = try? self.channel.finish(acceptAlreadyClosed: true)
    }

    func send(_ bytes: [UInt8]) {
        // Errors are the handler's to see; it has no handler behind it.
        _ = try? self.channel.writeInbound(ByteBuffer(bytes: bytes))
        self.channel.embeddedEventLoop.run()
    }

    func send(_ write: (inout BrokerBytes) -> Void) {
        var bytes = BrokerBytes()
        write(&bytes)
        self.send(bytes.all)
    }

    /// What the client has sent since the last call.
    func sent() throws -> [UInt8] {
        self.channel.embeddedEventLoop.run()
        var all: [UInt8] = []
        while let buffer = try self.channel.readOutbound(as: ByteBuffer.self) { all += buffer.readableBytesView }
        return all
    }

    func openChannel(_ delegate: (any AMQPChannelDelegate)? = nil) throws -> AMQPChannel {
        let promise = self.channel.embeddedEventLoop.makePromise(of: AMQPChannel.self)
        self.handler.openChannel(delegate: delegate, promise: promise)
        self.send { $0.channelOpenOk() }
        return try promise.futureResult.wait()
    }
}
