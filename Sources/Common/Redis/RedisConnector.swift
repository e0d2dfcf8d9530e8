import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// Makes connections that are ready for commands: TCP, TLS, AUTH, name, database, scripts. Lives on its event loop.
final class RedisConnector {
    let configuration: RedisConfiguration
    let eventLoop: any EventLoop
    let inbox: RequestInbox
    private let tls: NIOSSLContext?

    init(configuration: RedisConfiguration, eventLoop: any EventLoop, inbox: RequestInbox, tls: NIOSSLContext?) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.inbox = inbox
        self.tls = tls
    }

    /// Calls back once, within the connect timeout. A connection that comes later is closed.
    func connect(
        to endpoint: RedisConfiguration.Endpoint,
        whenDone: @escaping (Result<RedisConnection, RedisError>) -> Void
    ) {
        let attempt = Attempt(whenDone: whenDone)
        let deadline = self.eventLoop.now + TimeAmount(self.configuration.connectTimeout)
        attempt.timeout = self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
            attempt.finish(.failure(RedisError(.connectionLost, "no connection to \(endpoint) in time")))
        }
        let connection: RedisConnection
        do throws(RedisError) {
            connection = try RedisConnection(
                configuration: self.configuration, inbox: self.inbox, eventLoop: self.eventLoop)
        } catch {
            return attempt.finish(.failure(error))
        }
        attempt.connection = connection
        connection.closed = { attempt.finish(.failure($0)) }

        let handler = NIOLoopBound(connection, eventLoop: self.eventLoop)
        let tls = self.tls
        let serverName = Self.serverName(self.configuration.tls?.serverName ?? endpoint.host)
        ClientBootstrap(group: self.eventLoop)
            .connectTimeout(TimeAmount(self.configuration.connectTimeout))
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let encryption = try NIOSSLClientHandler(context: tls, serverHostname: serverName)
                        try channel.pipeline.syncOperations.addHandler(encryption)
                    }
                    try channel.pipeline.syncOperations.addHandler(handler.value)
                }
            }
            .connect(host: endpoint.host, port: endpoint.port)
            .assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    guard !attempt.isDone else { return channel.close(promise: nil) }
                    self.greet(over: attempt, deadline: deadline)
                case .failure(let error):
                    let failure = RedisError(.connectionLost, "no connection to \(endpoint)", underlying: error)
                    attempt.finish(.failure(failure))
                }
            }
    }

    private func greet(over attempt: Attempt, deadline: NIODeadline) {
        let greeting = ConnectionGreeting(configuration: self.configuration)
        let bound = NIOLoopBound(attempt, eventLoop: self.eventLoop)
        attempt.connection?.submit(
            RedisRequest(
                bytes: greeting.pipeline.bytes,
                count: greeting.pipeline.count,
                deadline: deadline
            ) { results in
                if let error = greeting.problem(in: results) {
                    bound.value.finish(.failure(error))
                } else {
                    bound.value.succeed()
                }
            })
        attempt.connection?.flush()
    }

    /// SNI holds no IP addresses; without it the certificate is checked against the address.
    private static func serverName(_ host: String) -> String? {
        (try? SocketAddress(ipAddress: host, port: 0)) == nil ? host : nil  // throwing is its way to say "a name"
    }
}

/// One attempt: whoever comes first decides it, the connection, its end or the deadline.
private final class Attempt {
    var connection: RedisConnection?
    var timeout: Scheduled<Void>?
    private var whenDone: ((Result<RedisConnection, RedisError>) -> Void)?
    var isDone: Bool { self.whenDone == nil }

    init(whenDone: @escaping (Result<RedisConnection, RedisError>) -> Void) { self.whenDone = whenDone }

    func succeed() {
        guard let connection else { return }
        self.finish(.success(connection))
    }

    func finish(_ result: Result<RedisConnection, RedisError>) {
        guard let whenDone else { return }
        self.whenDone = nil
        self.timeout?.cancel()
        self.connection?.closed = nil
        if case .failure(let error) = result { self.connection?.close(error) }
        self.connection = nil
        whenDone(result)
    }
}
