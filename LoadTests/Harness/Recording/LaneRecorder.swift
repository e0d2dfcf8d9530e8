package import AMQP
import Foundation
package import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Reads every lane and the commands in place of the workers, and writes down what comes. It connects again whenever
/// the broker goes away, and acks only what it has written down.
package final class LaneRecorder: Sendable {
    private static let prefetch: UInt16 = 500
    private static let ackDelay: TimeAmount = .milliseconds(20)
    /// Where the events of all shard processes come together (docs/protocol.md).
    private static let events = "gw.events"

    private let client: AMQPClient
    private let state: Shared

    private final class Shared: Sendable {
        let recording: Mutex<Recording>
        init(_ recording: Recording) { self.recording = Mutex(recording) }
    }

    /// - Parameters:
    ///   - lanes: how many the coordinator declares; until it has, the recorder asks again.
    ///   - prefix: of the queues' names.
    ///   - copies: read queues of its own that get what the lanes get, since workers read those.
    ///   - amqp: of a user that may read the lanes and the commands.
    package init(lanes: Int, prefix: String = "", copies: Bool = false, amqp: AMQPConfiguration, logger: Logger) {
        let state = Shared(Recording(lanes: lanes, prefix: prefix))
        self.state = state
        self.client = AMQPClient(
            configuration: amqp, eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            backoff: AMQPBackoff(base: .milliseconds(100), cap: .milliseconds(500)), logger: logger,
            onConnection: { connection in
                let names = state.recording.withLock { $0.queues.map(\.name) }
                state.recording.withLock { $0.interrupt(at: Self.now) }
                for (index, name) in names.enumerated() {
                    let queue = copies ? try await Self.declareCopy(of: name, over: connection) : name
                    try await Self.consume(queue, index, over: connection, into: state)
                }
            },
            onLoss: { _ in state.recording.withLock { $0.lose(at: Self.now) } })
    }

    /// Reads until it is cancelled.
    package func run() async throws { try await self.client.run() }

    package var isConnected: Bool { self.client.connection != nil }
    package var eventCount: Int { self.state.recording.withLock { $0.eventCount } }
    /// What has come so far.
    package var recording: Recording { self.state.recording.withLock { $0 } }

    private static var now: Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    private static func declareCopy(of name: String, over connection: AMQPConnection) async throws -> String {
        let copy = "copy.\(name)"
        let channel = try await connection.openChannel()
        _ = try await channel.declareQueue(copy, arguments: ["x-queue-type": .string("classic")])
        try await channel.bindQueue(copy, to: Self.events, routingKey: name)
        await channel.close()
        return copy
    }

    private static func consume(
        _ queue: String, _ index: Int, over connection: AMQPConnection, into state: Shared
    ) async throws {
        let channel = try await connection.openChannel()
        try await channel.setPrefetch(self.prefetch)
        let pending = NIOLoopBoundBox<UInt64?>.makeEmptyBox(valueType: UInt64.self, eventLoop: channel.eventLoop)
        try await channel.consume(
            queue,
            // A consumer that the broker ended begins anew with all the others.
            onCancel: { _ in connection.drop() },
            onDelivery: { delivery in
                state.recording.withLock { $0.record(delivery, queue: index, at: Self.now) }
                Self.ackLater(delivery.deliveryTag, on: channel, pending)
            })
    }

    /// Acks all that came in a moment at once.
    private static func ackLater(_ tag: UInt64, on channel: AMQPChannel, _ pending: NIOLoopBoundBox<UInt64?>) {
        defer { pending.value = tag }
        guard pending.value == nil else { return }
        channel.eventLoop.scheduleTask(in: Self.ackDelay) {
            if let tag = pending.value { channel.ack(tag, multiple: true) }
            pending.value = nil
        }
    }
}

extension Recording {
    fileprivate mutating func record(_ delivery: AMQPDelivery, queue: Int, at: Int64) {
        do throws(HarnessError) {
            let headers = try MessageHeaders(delivery.properties.headers)
            delivery.body.withUnsafeReadableBytes {
                self.record(queue: queue, headers: headers, isRedelivered: delivery.redelivered, at: at, body: $0)
            }
        } catch {
            self.note("\(self.queues[queue].name): \(error)")
        }
    }
}
