package import Logging
package import NIOCore
import NIOPosix
import NIOSSL

/// One connection to the broker, on one event loop. It lives until it is closed, dropped or lost.
package final class AMQPConnection: Sendable {
    package let eventLoop: any EventLoop
    private let handler: NIOLoopBound<AMQPConnectionHandler>
    private let status: AMQPConnectionStatus
    private let closed: EventLoopFuture<AMQPError?>

    init(handler: AMQPConnectionHandler, closed: EventLoopFuture<AMQPError?>) {
        self.eventLoop = handler.eventLoop
        self.handler = NIOLoopBound(handler, eventLoop: handler.eventLoop)
        self.status = handler.status
        self.closed = closed
    }

    /// Connects and logs in, within `configuration.connectTimeout`. A cancelled task gives up at once.
    package static func connect(
        _ configuration: AMQPConfiguration,
        on eventLoop: any EventLoop,
        delegate: (any AMQPConnectionDelegate)? = nil,
        logger: Logger
    ) async throws(AMQPError) -> AMQPConnection {
        let deadline = NIODeadline.now() + TimeAmount(configuration.connectTimeout)
        let tls = try configuration.tls.map { tls throws(AMQPError) in try tls.context() }
        let opened = eventLoop.makePromise(of: AMQPConnection.self)
        let timer = eventLoop.scheduleTask(deadline: deadline) {
            opened.fail(AMQPError(.timedOut, "\(configuration.host):\(configuration.port) did not answer in time"))
        }
        opened.futureResult.whenComplete { _ in timer.cancel() }
        ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(configuration.connectTimeout))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                eventLoop.makeCompletedFuture {
                    if let tls, let configured = configuration.tls {
                        try channel.pipeline.syncOperations.addHandler(
                            configured.handler(context: tls, host: configuration.host))
                    }
                    try channel.pipeline.syncOperations.addHandler(
                        Self.makeHandler(
                            configuration, on: eventLoop, delegate: delegate, deadline: deadline, opened: opened,
                            logger: logger))
                }
            }
            .connect(host: configuration.host, port: configuration.port)
            .flatMapThrowing { channel in
                try channel.pipeline.syncOperations.handler(type: AMQPConnectionHandler.self).start()
            }
            .whenFailure { error in
                let address = "\(configuration.host):\(configuration.port)"
                opened.fail(AMQPError(.connectFailed, "\(address) can't be reached", underlying: error))
            }
        return try await withTaskCancellationHandler { () async -> Result<AMQPConnection, AMQPError> in
            await opened.futureResult.outcome()
        } onCancel: {
            opened.fail(AMQPError(.connectionClosed, "connecting was given up"))
        }.get()
    }

    /// A handler with its facade; both end when `opened` fails.
    static func makeHandler(
        _ configuration: AMQPConfiguration,
        on eventLoop: any EventLoop,
        delegate: (any AMQPConnectionDelegate)?,
        deadline: NIODeadline,
        opened: EventLoopPromise<AMQPConnection>,
        logger: Logger
    ) -> AMQPConnectionHandler {
        let closed = eventLoop.makePromise(of: AMQPError?.self)
        let handler = AMQPConnectionHandler(
            configuration: configuration,
            eventLoop: eventLoop,
            status: AMQPConnectionStatus(),
            delegate: delegate,
            handshakeDeadline: deadline,
            opened: opened,
            closed: closed,
            logger: logger
        )
        handler.attach(AMQPConnection(handler: handler, closed: closed.futureResult))
        opened.futureResult.assumeIsolated().whenFailure { _ in handler.drop() }
        return handler
    }

    package var isOpen: Bool { self.status.isOpen }
    /// The broker takes no publishes for now. Any thread.
    package var isBlocked: Bool { self.status.isBlocked }

    package func openChannel(delegate: (any AMQPChannelDelegate)? = nil) async throws(AMQPError) -> AMQPChannel {
        let promise = self.eventLoop.makePromise(of: AMQPChannel.self)
        self.eventLoop.execute { self.handler.value.openChannel(delegate: delegate, promise: promise) }
        return try await promise.futureResult.outcome().get()
    }

    /// Says goodbye and waits for the broker's answer, at most `timeout`; then the socket is cut all the same.
    package func close(timeout: Duration = .seconds(5)) async {
        self.startClosing(timeout: timeout)
        _ = await self.waitUntilClosed()
    }

    /// As `close`, without waiting.
    package func startClosing(timeout: Duration = .seconds(5)) {
        self.eventLoop.execute { self.handler.value.close(within: TimeAmount(timeout)) }
    }

    /// Cuts the socket at once. What was not flushed is lost; unacked deliveries go back to their queues, in order.
    package func drop() {
        self.eventLoop.execute { self.handler.value.drop() }
    }

    /// Returns when the connection is gone. nil: closed by us.
    package func waitUntilClosed() async -> AMQPError? {
        switch await self.closed.outcome() {
        case .success(let error): error
        case .failure(let error): error
        }
    }
}

extension EventLoopFuture where Value: Sendable {
    func outcome() async -> Result<Value, AMQPError> {
        do {
            return .success(try await self.get())
        } catch let error as AMQPError {
            return .failure(error)
        } catch {
            return .failure(AMQPError(.connectionClosed, "the operation was lost", underlying: error))
        }
    }
}

extension AMQPConfiguration.TLS {
    fileprivate func context() throws(AMQPError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        switch self.verification {
        case .full: configuration.certificateVerification = .fullVerification
        case .withoutHostname: configuration.certificateVerification = .noHostnameVerification
        case .none: configuration.certificateVerification = .none
        }
        do {
            if let authorityFile = self.authorityFile { configuration.trustRoots = .file(authorityFile) }
            if let certificateFile = self.certificateFile {
                configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificateFile).map {
                    .certificate($0)
                }
            }
            if let privateKeyFile = self.privateKeyFile {
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: privateKeyFile, format: .pem))
            }
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw AMQPError(.invalidArgument, "the TLS files can't be used", underlying: error)
        }
    }

    fileprivate func handler(context: NIOSSLContext, host: String) throws -> NIOSSLClientHandler {
        let name = self.serverName ?? host
        // Server name indication has no addresses; a certificate is checked against the peer's address then.
        return try NIOSSLClientHandler(context: context, serverHostname: name.isIPAddress ? nil : name)
    }
}

extension String {
    fileprivate var isIPAddress: Bool {
        // Not an address is the answer, not an error.
        (try? SocketAddress(ipAddress: self, port: 0)) != nil
    }
}
