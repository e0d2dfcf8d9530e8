import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport
import Testing

@testable import AMQP

/// The real broker. What a test makes there has its name in it and is deleted afterwards, whatever happened.
final class BrokerUnderTest: Sendable {
    private struct Made {
        var queues: [String] = []
        var exchanges: [String] = []
        var connections: [AMQPConnection] = []
    }

    let configuration: AMQPConfiguration
    let logger = Logger(label: "amqp.tests", factory: { _ in SwiftLogNoOpLogHandler() })
    private let prefix: String
    private let made = Mutex(Made())

    static func run(_ test: String = #function, _ body: (BrokerUnderTest) async throws -> Void) async throws {
        let broker = try BrokerUnderTest(test)
        do {
            try await body(broker)
        } catch {
            try await broker.cleanUp()
            throw error
        }
        try await broker.cleanUp()
    }

    private init(_ test: String) throws {
        self.configuration = try AMQPConfiguration(url: try TestEnvironment.amqpURL)
        let name = test.filter { $0.isLetter || $0 == " " }.prefix(60).replacing(" ", with: "-")
        self.prefix = "amqp-tests.\(name).\(UInt32.random(in: 0 ... .max))"
    }

    var eventLoop: any EventLoop { MultiThreadedEventLoopGroup.singleton.next() }

    func queue(_ name: String = "queue") -> String {
        let full = "\(self.prefix).\(name)"
        self.made.withLock { $0.queues.append(full) }
        return full
    }

    func exchange(_ name: String = "exchange") -> String {
        let full = "\(self.prefix).\(name)"
        self.made.withLock { $0.exchanges.append(full) }
        return full
    }

    func connect(
        delegate: (any AMQPConnectionDelegate)? = nil,
        _ change: (inout AMQPConfiguration) -> Void = { _ in }
    ) async throws -> AMQPConnection {
        var configuration = self.configuration
        change(&configuration)
        let connection = try await AMQPConnection.connect(
            configuration, on: self.eventLoop, delegate: delegate, logger: self.logger)
        self.made.withLock { $0.connections.append(connection) }
        return connection
    }

    /// A relay before the broker, for cutting, silencing and encrypting connections.
    func proxy(on address: String = "127.0.0.1", tls: NIOSSLContext? = nil) async throws -> FaultProxy {
        let proxy = FaultProxy(to: self.configuration.host, port: self.configuration.port) { client in
            if let tls { try client.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
        }
        try await proxy.start(on: address)
        return proxy
    }

    private func cleanUp() async throws {
        let made = self.made.withLock { $0 }
        for connection in made.connections { await connection.close(timeout: .seconds(2)) }
        let connection = try await AMQPConnection.connect(self.configuration, on: self.eventLoop, logger: self.logger)
        let channel = try await connection.openChannel()
        for queue in made.queues.reversed() { try await channel.deleteQueue(queue) }
        for exchange in made.exchanges.reversed() { try await channel.deleteExchange(exchange) }
        await connection.close()
    }
}

extension AMQPChannel {
    /// Publishes from the test's thread.
    @discardableResult
    func publishOnLoop(_ messages: [AMQPMessage]) async throws -> UInt64 {
        try await self.eventLoop.submit { try self.publish(messages) }.get()
    }
}

/// Runs `body`, which must throw an `AMQPError`.
func amqpError(
    _ location: SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async throws -> AMQPError {
    do {
        try await body()
    } catch let error as AMQPError {
        return error
    }
    throw NothingThrown(location: location)
}

struct NothingThrown: Error {
    let location: SourceLocation
}
