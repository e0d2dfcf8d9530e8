import AMQP

/// Tells a loop when its broker connection takes no publishes, for lack of memory or disk.
final class BrokerAlarms: AMQPConnectionDelegate {
    private let loop: ShardLoop

    init(_ loop: ShardLoop) { self.loop = loop }

    func blocked(reason: String, on connection: AMQPConnection) { self.loop.brokerBlocked(true) }
    func unblocked(_ connection: AMQPConnection) { self.loop.brokerBlocked(false) }
    func closed(_ error: AMQPError?, on connection: AMQPConnection) {}
}
