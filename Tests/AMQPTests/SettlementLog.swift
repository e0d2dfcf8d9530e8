import AMQP
import Synchronization

/// Writes down what a channel's delegate hears.
final class SettlementLog: AMQPChannelDelegate {
    private struct State {
        var settlements: [AMQPSettlement] = []
        var writability: [Bool] = []
        var closed: [AMQPError?] = []
    }

    private let state = Mutex(State())

    func settled(_ settlement: AMQPSettlement, on channel: AMQPChannel) {
        self.state.withLock { $0.settlements.append(settlement) }
    }

    func writabilityChanged(_ isWritable: Bool, on channel: AMQPChannel) {
        self.state.withLock { $0.writability.append(isWritable) }
    }

    func closed(_ error: AMQPError?, on channel: AMQPChannel) {
        self.state.withLock { $0.closed.append(error) }
    }

    var settlements: [AMQPSettlement] { self.state.withLock { $0.settlements } }
    var writability: [Bool] { self.state.withLock { $0.writability } }
    var closed: [AMQPError?] { self.state.withLock { $0.closed } }

    var acked: [UInt64] {
        self.settlements.compactMap { if case .ack(let tag, _) = $0 { tag } else { nil } }
    }

    var nacked: [UInt64] {
        self.settlements.compactMap { if case .nack(let tag, _) = $0 { tag } else { nil } }
    }

    var returned: [UInt64?] {
        self.settlements.compactMap { if case .returned(let tag, _) = $0 { .some(tag) } else { nil } }
    }
}

/// Writes down what a connection's delegate hears.
final class ConnectionLog: AMQPConnectionDelegate {
    private let state = Mutex<[String]>([])

    func blocked(reason: String, on connection: AMQPConnection) {
        self.state.withLock { $0.append("blocked: \(reason)") }
    }

    func unblocked(_ connection: AMQPConnection) { self.state.withLock { $0.append("unblocked") } }

    func closed(_ error: AMQPError?, on connection: AMQPConnection) {
        self.state.withLock { $0.append("closed: \(error?.replyCode ?? 0)") }
    }

    var lines: [String] { self.state.withLock { $0 } }
}
