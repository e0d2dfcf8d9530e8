import AMQP
import ClusterAPI
import Discord
import Foundation
import GuildCache
import Logging
import Runtime

/// Runs the events of one delivery in order, does their effects, and acks.
///
/// What fails for want of time is tried again while the lane waits: to send the message back would let later ones
/// overtake it. After five attempts, or when the delivery has taken its time, the event is parked and its neighbours go
/// on.
struct DeliveryHandler: Sendable {
    static let mostAttempts = 5
    static let parking = "parking"
    /// What a handler has for an event whose delivery has taken its time already.
    private static let grace: Duration = .milliseconds(100)

    let commands: CommandHandler
    let sender: EffectSender
    let gaps: GapHandler
    let overlaps: GenerationOverlaps
    var cache: GuildCache?
    /// nil: an interaction is run as often as it comes.
    var claims: InteractionClaims?
    let metrics: WorkerMetrics
    let logger: Logger
    var deadLetters = "gw.dead"
    /// Of one delivery, all attempts of all its events.
    var limit = DeliveryLimit.longest
    /// After that, for room in `parking`, if the queue has an order to keep.
    var parkingPatience = DeliveryLimit.longestParking

    /// - Parameter order: of the queue.
    /// - Returns: false when the delivery could be neither done nor parked: it has to come again, before those behind
    ///   it.
    func handle(_ delivery: AMQPDelivery, _ channel: AMQPChannel, order: QueueConsumer.Order = .strict) async -> Bool {
        let events: [WorkerEvent]
        do {
            events = try WorkerEvent.events(in: delivery.body)
        } catch {
            self.logger.error(
                "a message can't be read: parked",
                metadata: ["broker.routing_key": "\(delivery.routingKey)", "error": "\(error)"])
            self.metrics.parked.increment()
            channel.reject(delivery.deliveryTag, requeue: false)
            return true
        }
        let deadline = ContinuousClock.now.advanced(by: self.limit)
        let parkingDeadline = order == .strict ? deadline.advanced(by: self.parkingPatience) : .now
        let application = delivery.properties.headers["application"]?.snowflake
        let source = EventSource(delivery.properties.headers)
        for var event in events {
            event.application = application
            self.noteChange(event)
            if let source, self.overlaps.isRepeat(event, from: source, lane: delivery.routingKey) {
                self.metrics.repeats.increment()
                continue
            }
            let interaction = CommandHandler.interaction(of: event)
            if let interaction, await !self.claim(interaction, comesAgain: delivery.redelivered) {
                self.metrics.interactionRepeats.increment()
                continue
            }
            do {
                try await self.handle(event, of: delivery, until: deadline)
                self.metrics.events.increment()
                self.metrics.delay.record(event.age(at: Int64(Date().timeIntervalSince1970 * 1000)))
            } catch {
                // The connection is gone: the delivery comes again, perhaps at another worker.
                if error is CancellationError || Task.isCancelled { return false }
                guard await self.park(event, of: delivery, reason: "\(error)", on: channel, until: parkingDeadline)
                else {
                    return false
                }
            }
            if let interaction { await self.claims?.settle(interaction) }
        }
        channel.ack(delivery.deliveryTag)
        return true
    }

    private func handle(
        _ event: WorkerEvent, of delivery: AMQPDelivery, until deadline: ContinuousClock.Instant
    ) async throws {
        if event.name == GapRecord.eventName { return try self.gaps.handle(event, lane: delivery.routingKey) }
        for effect in try await self.effects(of: event, until: deadline) {
            for attempt in 1... {
                do {
                    try await self.sender.send(effect, of: event.application, until: deadline)
                    break
                } catch let failure as DiscordREST.Failure where attempt < Self.mostAttempts && deadline > .now {
                    self.logger.warning(
                        "an effect will be tried again",
                        metadata: [
                            "event.name": "\(event.name.rawValue)", "attempt": "\(attempt)", "error": "\(failure)",
                        ])
                }
            }
        }
    }

    /// - Throws: `DeadlineExceeded` when a module takes longer than the delivery may.
    private func effects(of event: WorkerEvent, until deadline: ContinuousClock.Instant) async throws -> [Effect] {
        guard CommandHandler.concerns(event.name) else { return [] }
        let commands = self.commands
        return try await withDeadline(max(Self.grace, ContinuousClock.now.duration(to: deadline))) {
            try await commands.effects(of: event)
        }
    }

    /// - Returns: false when another delivery of it is being handled, or was.
    private func claim(_ interaction: Snowflake, comesAgain: Bool) async -> Bool {
        switch await self.claims?.take(interaction, comesAgain: comesAgain) {
        case .repeated?: return false
        case .taken?, nil: return true
        case .unknown?:
            self.metrics.interactionsUnclaimed.increment()
            return true
        }
    }

    /// What was read of the guild before may be out of date.
    private func noteChange(_ event: WorkerEvent) {
        guard let cache, let guild = event.guildID, let application = event.application,
            let change = CacheEvent(rawValue: event.name.rawValue)
        else { return }
        cache.saw(change, of: .init(guild, of: application))
    }

    /// - Parameter deadline: how long a broker that refuses is asked again.
    /// - Returns: false when the broker did not take it: then the whole delivery has to come again.
    private func park(
        _ event: WorkerEvent, of delivery: AMQPDelivery, reason: String, on channel: AMQPChannel,
        until deadline: ContinuousClock.Instant
    ) async -> Bool {
        let message = self.parkedMessage(event, of: delivery, reason: reason)
        var pause: Duration = .milliseconds(250)
        while true {
            do throws(AMQPError) {
                try await channel.publishConfirmed(message)
                self.metrics.parked.increment()
                self.logger.error(
                    "an event was parked", metadata: ["event.name": "\(event.name.rawValue)", "reason": "\(reason)"])
                return true
            } catch {
                self.metrics.parkingRefused.increment()
                self.logger.error(
                    "an event can't be parked",
                    metadata: [
                        "event.name": "\(event.name.rawValue)", "reason": "\(reason)", "error": "\(error)",
                    ])
                // Refused: there is no room. To cut the connection would bring what was prefetched nearer to its
                // delivery limit, and help nobody.
                guard error.code == .nacked, ContinuousClock.now.advanced(by: pause) < deadline else { return false }
            }
            do {
                try await Task.sleep(for: pause)
            } catch {
                return false
            }
            pause = min(.seconds(5), pause * 2)
        }
    }

    private func parkedMessage(_ event: WorkerEvent, of delivery: AMQPDelivery, reason: String) -> AMQPMessage {
        var headers = delivery.properties.headers
        headers["reason"] = .string(reason)
        headers["event_name"] = .string(event.name.rawValue)
        headers["event_s"] = .int64(event.sequence)
        var properties = AMQPProperties()
        properties.contentType = "application/json"
        properties.deliveryMode = .persistent
        properties.headers = headers
        return AMQPMessage(
            exchange: self.deadLetters, routingKey: Self.parking, properties: properties, body: event.payload,
            mandatory: true)
    }
}

extension AMQPValue {
    fileprivate var snowflake: Snowflake? {
        if case .string(let text) = self { Snowflake(text) } else { nil }
    }
}
