import AMQP
import ClusterAPI
import ControlAPI
import Foundation
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport

/// Sends commands as any program on the broker could, and keeps what is answered.
final class CommandSender: Sendable {
    private let names: ControlNames
    private let connection: AMQPConnection
    private let channel: AMQPChannel
    private let answers = Mutex<[String: [ControlAnswer]]>([:])
    private let replyKey: String

    init(_ topology: TestTopology) async throws {
        self.names = topology.control
        self.replyKey = "\(topology.name).r.test"
        self.connection = try await AMQPConnection.connect(
            AMQPConfiguration(url: TestEnvironment.amqpURL), on: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "sender"))
        self.channel = try await self.connection.openChannel()
        try await self.channel.declareQueue(self.replyKey, durable: false, exclusive: true)
        try await self.channel.bindQueue(self.replyKey, to: self.names.replies, routingKey: self.replyKey)
        try await self.channel.consume(self.replyKey, noAck: true) { [weak self] delivery in
            guard let self, let id = delivery.properties.correlationID,
                let answer = try? ControlAnswer(decoding: delivery.body, type: delivery.properties.type)
            else { return }
            self.answers.withLock { $0[id, default: []].append(answer) }
        }
    }

    func close() async { await self.connection.close() }

    /// - Throws: `.returned` when no process is bound for the slot.
    func send(_ body: String, to slot: Slot, id: String) async throws {
        try await self.channel.publishConfirmed(
            AMQPMessage(
                exchange: self.names.requests, routingKey: slot.description,
                properties: AMQPProperties(correlationID: id, replyTo: self.replyKey),
                body: ByteBuffer(string: body), mandatory: true))
    }

    func send(_ command: ControlCommand, to slot: Slot, id: String, timeout: Duration = .seconds(20)) async throws {
        try await self.send(
            String(buffer: ControlRequest(command, timeout: timeout).encoded()), to: slot, id: id)
    }

    /// As soon as a process takes commands for the slot.
    func sendWhenBound(_ command: ControlCommand, to slot: Slot, id: String) async throws {
        try await eventually("a process that is bound for slot \(slot)") {
            do {
                try await self.send(command, to: slot, id: id)
                return true
            } catch let error as AMQPError where error.code == .returned {
                return false
            }
        }
    }

    func answers(_ id: String) -> [ControlAnswer] { self.answers.withLock { $0[id] ?? [] } }

    /// The last answer, once it is there.
    func outcome(_ id: String, within limit: Duration = .seconds(20)) async throws -> ControlAnswer {
        try await eventually(within: limit, "an answer to \(id)") {
            if case .chunk? = self.answers(id).last { return false }
            return !self.answers(id).isEmpty
        }
        guard let last = self.answers(id).last else { throw NeverHappened(id) }
        return last
    }

    struct NeverHappened: Error {
        let id: String
        init(_ id: String) { self.id = id }
    }

    /// The code of the error that it was answered with.
    func problem(_ id: String) async throws -> String? {
        guard case .error(let problem) = try await self.outcome(id) else { return nil }
        return problem.code.rawValue
    }
}
