import AMQP
import Logging
import NIOCore
import Runtime

extension LanePublisher {
    private static let reopenDelay: TimeAmount = .seconds(1)

    /// From now on messages go to this exchange; `nil`: to none. Returns the channel that is not used any more.
    func use(exchange: String?) -> AMQPChannel? {
        self.exchange = exchange
        var old: AMQPChannel?
        if case .open(let channel, _) = self.link { old = channel }
        self.channelEnded()
        self.openChannel()
        return old
    }

    func connected(_ connection: AMQPConnection) {
        self.connection = connection
        self.changeBlocked(connection.isBlocked)
        self.openChannel()
    }

    func disconnected() {
        self.connection = nil
        self.changeBlocked(false)
        self.channelEnded()
    }

    func openChannel() {
        guard case .away = self.link, let connection, self.exchange != nil else { return }
        self.attempts += 1
        let attempt = self.attempts
        self.link = .opening(attempt: attempt)
        let events = ChannelEvents(publisher: NIOLoopBound(self, eventLoop: self.eventLoop), attempt: attempt)
        self.eventLoop.makeFutureWithTask {
            let channel = try await connection.openChannel(delegate: events)
            do {
                try await channel.selectConfirms()
            } catch {
                await channel.close()
                throw error
            }
            return channel
        }.assumeIsolated().whenComplete { result in
            guard case .opening(attempt) = self.link else {
                // Nobody waits for it any more.
                if case .success(let channel) = result { self.close(channel) { _ in } }
                return
            }
            switch result {
            case .success(let channel):
                self.link = .open(channel, attempt: attempt)
                self.allHaveWork()
            case .failure(let error):
                self.logger.warning("can't open a channel", metadata: ["broker.error": "\(error)"])
                self.link = .away
                self.reopenLater()
            }
        }
    }

    private func close(_ channel: AMQPChannel, then: @escaping (_ isAnswered: Bool) -> Void) {
        self.eventLoop.makeFutureWithTask { await channel.close() }.assumeIsolated().whenSuccess { then($0) }
    }

    private func reopenLater() {
        self.eventLoop.assumeIsolated().scheduleTask(in: Self.reopenDelay) { self.openChannel() }
    }

    private func channelEnded() {
        self.link = .away
        self.attempts += 1
        self.requeue()
    }

    /// The broker has the messages and says nothing: everything goes again, in order, through a channel of its own.
    func confirmsStalled(after waited: Duration) {
        guard case .open(let channel, let attempt) = self.link, let connection else { return }
        self.metrics.confirmStalls.increment()
        self.logger.error(
            "confirms do not come: everything is sent again through a new channel", metadata: ["waited": "\(waited)"])
        self.link = .leaving(attempt: attempt)
        self.requeue()
        self.close(channel) { isAnswered in
            guard case .leaving(attempt) = self.link else { return }
            self.link = .away
            // A broker that does not even answer to that may have anything left of the channel: `connected` goes on.
            if isAnswered { self.openChannel() } else { connection.drop() }
        }
    }

    // MARK: What a channel tells

    fileprivate func settled(_ settlement: AMQPSettlement, attempt: UInt64) {
        guard case .open(_, attempt) = self.link else { return }
        self.settled(settlement)
    }

    fileprivate func writable(attempt: UInt64) {
        guard case .open(_, attempt) = self.link else { return }
        self.turn.begin()
    }

    fileprivate func closed(_ error: AMQPError?, attempt: UInt64) {
        guard case .open(_, attempt) = self.link else { return }
        let exchange = self.exchange
        self.channelEnded()
        guard let exchange else { return }
        if error?.replyCode == 404 {
            self.exchange = nil
            self.metrics.fences.increment()
            self.onFence(exchange)
        } else {
            self.logger.warning("channel closed", metadata: ["broker.error": "\(error.map { "\($0)" } ?? "by us")"])
            self.reopenLater()
        }
    }
}

/// Hears a channel for the publisher; events of a channel that it has left are dropped.
private final class ChannelEvents: AMQPChannelDelegate {
    private let publisher: NIOLoopBound<LanePublisher>
    private let attempt: UInt64

    init(publisher: NIOLoopBound<LanePublisher>, attempt: UInt64) {
        self.publisher = publisher
        self.attempt = attempt
    }

    func settled(_ settlement: AMQPSettlement, on channel: AMQPChannel) {
        self.publisher.value.settled(settlement, attempt: self.attempt)
    }

    func writabilityChanged(_ isWritable: Bool, on channel: AMQPChannel) {
        if isWritable { self.publisher.value.writable(attempt: self.attempt) }
    }

    func closed(_ error: AMQPError?, on channel: AMQPChannel) {
        self.publisher.value.closed(error, attempt: self.attempt)
    }
}
