import AMQP
import Discord
import Foundation
import Logging
import Runtime

/// Runs the events of one delivery in order, does their effects, and acks.
///
/// What fails for want of time is tried again, in place; after five attempts the event is parked and its neighbours go on.
struct DeliveryHandler: Sendable {
    static let mostAttempts = 5
    static let deadLetters = "gw.dead"
    static let parking = "parking"

    let commands: CommandHandler
    let sender: EffectSender
    let metrics: WorkerMetrics
    let logger: Logger

    func handle(_ delivery: AMQPDelivery, _ channel: AMQPChannel) async {
        let events: [WorkerEvent]
        do {
            events = try WorkerEvent.events(in: delivery.body)
        } catch {
            self.logger.error("a message can't be read: parked", metadata: ["broker.routing_key": "\(delivery.routingKey)", "error": "\(error)"])
            self.metrics.parked.increment()
            return channel.reject(delivery.deliveryTag, requeue: false)
        }
        // Quorum queues count the deliveries that came back.
        let attempt = 1 + Int(delivery.properties.headers["x-delivery-count"]?.integerValue ?? 0)
        for event in events {
            do {
                for effect in try self.commands.effects(of: event) { try await self.sender.send(effect) }
                self.metrics.events.increment()
                self.metrics.delay.record(.milliseconds(max(0, Int64(Date().timeIntervalSince1970 * 1000) - event.receivedAt)))
            } catch is CancellationError {
                return
            } catch let failure as DiscordREST.Failure where attempt < Self.mostAttempts {
                self.logger.warning("an event will be tried again", metadata: ["event.name": "\(event.name.rawValue)", "error": "\(failure)"])
                return channel.nack(delivery.deliveryTag, requeue: true)
            } catch {
                guard await self.park(event, of: delivery, reason: "\(error)", on: channel) else { return }
            }
        }
        channel.ack(delivery.deliveryTag)
    }

    /// - Returns: false when the broker did not take it: then the whole delivery has to come again.
    private func park(_ event: WorkerEvent, of delivery: AMQPDelivery, reason: String, on channel: AMQPChannel) async -> Bool {
        var headers = delivery.properties.headers
        headers["reason"] = .string(reason)
        headers["event_name"] = .string(event.name.rawValue)
        headers["event_s"] = .int64(event.sequence)
        var properties = AMQPProperties()
        properties.contentType = "application/json"
        properties.deliveryMode = .persistent
        properties.headers = headers
        let message = AMQPMessage(
            exchange: Self.deadLetters, routingKey: Self.parking, properties: properties, body: event.payload, mandatory: true)
        do {
            try await channel.publishConfirmed(message)
            self.metrics.parked.increment()
            self.logger.error("an event was parked", metadata: ["event.name": "\(event.name.rawValue)", "reason": "\(reason)"])
            return true
        } catch {
            self.logger.error("an event can't be parked", metadata: ["event.name": "\(event.name.rawValue)", "error": "\(error)"])
            return false
        }
    }
}
