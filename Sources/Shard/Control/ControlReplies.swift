import AMQP
import ControlAPI
import DequeModule
import Logging
import NIOCore
import Runtime
import Synchronization

/// Sends answers to workers' commands, in order, through the channel of now. An answer that has no channel, or no room,
/// is dropped: its requester's deadline ends the wait.
final class ControlReplies: AMQPChannelDelegate {
    private struct Outbox {
        var channel: AMQPChannel?
        var messages: Deque<AMQPMessage> = []
        var bytes = 0
        var isDraining = false
    }

    /// Bytes that wait for the socket beyond what the connection itself takes.
    static let mostBytes = 16 << 20
    static let mostMessages = 10_000

    private let exchange: String
    private let metrics: ShardMetrics
    private let logger: Logger
    private let outbox = Mutex(Outbox())

    init(exchange: String, metrics: ShardMetrics, logger: Logger) {
        self.exchange = exchange
        self.metrics = metrics
        self.logger = logger
    }

    /// From now on answers go through this channel; what waits for another one is dropped.
    func use(_ channel: AMQPChannel?) {
        let dropped = self.outbox.withLock { outbox in
            defer { outbox = Outbox(channel: channel) }
            return outbox.messages.count
        }
        self.metrics.droppedAnswers.increment(by: dropped)
    }

    /// Any thread.
    func answer(_ answer: ControlAnswer, to requester: ControlRequester) {
        guard let replyTo = requester.replyTo else { return }
        let message: AMQPMessage
        do {
            message = AMQPMessage(
                exchange: self.exchange, routingKey: replyTo,
                properties: AMQPProperties(
                    contentType: ControlRequest.contentType, deliveryMode: .transient,
                    correlationID: requester.correlationID, type: answer.type),
                body: try answer.encoded())
        } catch {
            return self.logger.error("an answer can't be written", metadata: ["error": "\(error)"])
        }
        let (channel, isTaken) = self.outbox.withLock { outbox -> (AMQPChannel?, Bool) in
            guard let channel = outbox.channel, outbox.messages.count < Self.mostMessages,
                outbox.bytes + message.body.readableBytes <= Self.mostBytes
            else { return (nil, false) }
            outbox.messages.append(message)
            outbox.bytes += message.body.readableBytes
            defer { outbox.isDraining = true }
            return (outbox.isDraining ? nil : channel, true)
        }
        if !isTaken { self.metrics.droppedAnswers.increment() }
        channel?.eventLoop.execute { self.drain(channel) }
    }

    /// On the channel's event loop.
    private func drain(_ channel: AMQPChannel?) {
        guard let channel else { return }
        while true {
            let next = self.outbox.withLock { outbox -> AMQPMessage? in
                guard outbox.channel === channel, let first = outbox.messages.popFirst() else {
                    if outbox.channel === channel { outbox.isDraining = false }
                    return nil
                }
                outbox.bytes -= first.body.readableBytes
                return first
            }
            guard let next else { return }
            do {
                try channel.publish([next])
            } catch  where error.code == .backpressure {
                // `writabilityChanged` goes on.
                return self.outbox.withLock { outbox in
                    guard outbox.channel === channel else { return }
                    outbox.messages.prepend(next)
                    outbox.bytes += next.body.readableBytes
                }
            } catch {
                self.metrics.droppedAnswers.increment()
                self.logger.warning("an answer can't be sent", metadata: ["broker.error": "\(error)"])
            }
        }
    }

    func settled(_ settlement: AMQPSettlement, on channel: AMQPChannel) {}

    func writabilityChanged(_ isWritable: Bool, on channel: AMQPChannel) {
        guard isWritable, self.outbox.withLock({ $0.isDraining }) else { return }
        self.drain(channel)
    }

    func closed(_ error: AMQPError?, on channel: AMQPChannel) {
        guard self.outbox.withLock({ $0.channel === channel }) else { return }
        self.use(nil)
    }
}
