import DequeModule
import Logging
import NIOCore
import Synchronization

/// The one connection of all subscriptions: made when the first one comes, subscribed anew after a loss. Lives on its
/// event loop.
final class RedisPubSub {
    private enum Name: Hashable {
        case channel(String)
        case pattern(String)
    }

    /// Somebody who waits for the confirmation of names.
    private struct Waiter {
        var missing: Set<Name>
        let deadline: NIODeadline
        let whenDone: (RedisError?) -> Void
    }

    /// Names subscribed at once, over all subscribers.
    private static let maximumNames = 65_536

    private let connector: RedisConnector
    private let logger: Logger
    private let timer: DeadlineTimer
    private var machine = ReconnectStateMachine()
    private var connection: RedisConnection?
    private var connectedAt = NIODeadline.uptimeNanoseconds(0)
    private var nextEndpoint = 0
    private var subscribers: [ObjectIdentifier: RedisSubscription.Subscriber] = [:]
    private var readers: [Name: [ObjectIdentifier: RedisSubscription.Subscriber]] = [:]
    private var waiters: [ObjectIdentifier: Waiter] = [:]
    private var confirmed: Set<Name> = []
    /// What was asked of the server and is not answered, in order; `nil` for an UNSUBSCRIBE.
    private var asked = Deque<Name?>()

    init(connector: RedisConnector, logger: Logger) {
        self.connector = connector
        self.logger = logger
        self.timer = DeadlineTimer(eventLoop: connector.eventLoop)
        self.timer.fired = { [weak self] now in self?.expire(now: now) }
    }

    func add(
        _ subscriber: RedisSubscription.Subscriber,
        deadline: NIODeadline,
        whenDone: @escaping (RedisError?) -> Void
    ) {
        let id = ObjectIdentifier(subscriber)
        let names = Self.names(of: subscriber)
        guard names.count <= Self.maximumNames - self.readers.count else {
            return whenDone(RedisError(.overloaded, "too many channels are subscribed"))
        }
        self.subscribers[id] = subscriber
        var new: [Name] = []
        for name in names {
            if self.readers[name] == nil { new.append(name) }
            self.readers[name, default: [:]][id] = subscriber
        }
        let missing = names.subtracting(self.confirmed)
        if missing.isEmpty, !names.isEmpty || self.connection != nil { return whenDone(nil) }
        self.waiters[id] = Waiter(missing: missing, deadline: deadline, whenDone: whenDone)
        self.timer.arm(for: deadline)
        switch self.machine.demanded(patience: true) {
        case .send: self.ask(new)
        case .wait: break
        case .connectAndWait: self.connect()
        case .fail(let error): self.drop(id, error)
        }
    }

    func remove(_ id: ObjectIdentifier) {
        guard let subscriber = self.subscribers.removeValue(forKey: id) else { return }
        var unused: [Name] = []
        for name in Self.names(of: subscriber) {
            self.readers[name]?[id] = nil
            guard self.readers[name]?.isEmpty == true else { continue }
            self.readers[name] = nil
            self.confirmed.remove(name)
            unused.append(name)
        }
        guard let connection, !unused.isEmpty else { return }
        var commands = RedisPipeline()
        for name in unused {
            switch name {
            case .channel(let channel): commands.append("UNSUBSCRIBE", .string(channel))
            case .pattern(let pattern): commands.append("PUNSUBSCRIBE", .string(pattern))
            }
            self.asked.append(nil)
        }
        connection.push(commands.bytes)
        connection.flush()
    }

    func stop() {
        self.machine.stop()
        let error = RedisError(.closed, "the client is shut down")
        self.connection?.close(error)
        self.connection = nil
        for id in Array(self.waiters.keys) { self.drop(id, error) }
        let subscribers = self.subscribers
        self.subscribers = [:]
        self.readers = [:]
        for subscriber in subscribers.values { subscriber.finish() }
        self.timer.cancel()
    }

    private static func names(of subscriber: RedisSubscription.Subscriber) -> Set<Name> {
        Set(subscriber.channels.map { .channel($0) } + subscriber.patterns.map { .pattern($0) })
    }

    /// Its subscription fails.
    private func drop(_ id: ObjectIdentifier, _ error: RedisError) {
        guard let waiter = self.waiters.removeValue(forKey: id) else { return }
        let subscriber = self.subscribers[id]
        self.remove(id)
        subscriber?.finish()
        waiter.whenDone(error)
    }

    private func expire(now: NIODeadline) -> NIODeadline? {
        for (id, waiter) in self.waiters where waiter.deadline <= now {
            self.drop(id, RedisError(.timedOut, "the subscription was not confirmed before the deadline"))
        }
        return self.waiters.values.lazy.map(\.deadline).min()
    }

    private func ask(_ names: [Name]) {
        guard let connection, !names.isEmpty else { return }
        var commands = RedisPipeline()
        for name in names {
            switch name {
            case .channel(let channel): commands.append("SUBSCRIBE", .string(channel))
            case .pattern(let pattern): commands.append("PSUBSCRIBE", .string(pattern))
            }
            self.asked.append(name)
        }
        connection.push(commands.bytes)
        connection.flush()
    }

    private func received(_ value: RESPValue) {
        if case .error(let error) = value { return self.refused(error) }
        guard case .array(let parts) = value, let kind = parts.first?.string else { return self.violated() }
        switch (kind, parts.count) {
        case ("message", 3):
            guard let channel = parts[1].string, let payload = parts[2].buffer else { return self.violated() }
            self.deliver(RedisMessage(channel: channel, pattern: nil, payload: payload), to: .channel(channel))
        case ("pmessage", 4):
            guard let pattern = parts[1].string, let channel = parts[2].string, let payload = parts[3].buffer else {
                return self.violated()
            }
            self.deliver(RedisMessage(channel: channel, pattern: pattern, payload: payload), to: .pattern(pattern))
        case ("subscribe", 3), ("psubscribe", 3):
            guard let name = self.asked.popFirst() ?? nil else { return self.violated() }
            self.confirm(name)
        case ("unsubscribe", 3), ("punsubscribe", 3):
            guard case .some(nil) = self.asked.popFirst() else { return self.violated() }
        case ("pong", _): break
        default: self.violated()
        }
    }

    private func deliver(_ message: RedisMessage, to name: Name) {
        guard let readers = self.readers[name] else { return }
        for subscriber in readers.values { subscriber.deliver(message) }
    }

    private func confirm(_ name: Name) {
        guard self.readers[name] != nil else { return }
        self.confirmed.insert(name)
        for id in Array(self.waiters.keys) {
            self.waiters[id]?.missing.remove(name)
            guard let waiter = self.waiters[id], waiter.missing.isEmpty else { continue }
            self.waiters[id] = nil
            waiter.whenDone(nil)
        }
    }

    /// The server refused what was asked first, such as a channel that the user has no right to.
    private func refused(_ error: RedisError) {
        guard let name = self.asked.popFirst() else { return self.violated() }
        guard let name else { return }
        self.logger.warning("subscription refused", metadata: ["error": "\(error)"])
        for id in Array(self.waiters.keys) where self.waiters[id]?.missing.contains(name) == true {
            self.drop(id, error)
        }
    }

    private func violated() {
        self.connection?.close(RedisError(.protocolViolation, "no message of a subscription"))
    }

    private func connect() {
        let endpoints = self.connector.configuration.endpoints
        let endpoint = endpoints[self.nextEndpoint % endpoints.count]
        self.connector.connect(to: endpoint) { result in
            switch result {
            case .success(let connection): self.connected(connection)
            case .failure(let error):
                self.nextEndpoint = (self.nextEndpoint + 1) % endpoints.count
                self.schedule(self.machine.attemptFailed(error))
            }
        }
    }

    private func connected(_ connection: RedisConnection) {
        guard self.machine.connected() else {
            return connection.close(RedisError(.closed, "the client is shut down"))
        }
        self.connection = connection
        self.connectedAt = self.connector.eventLoop.now
        connection.closed = { [weak self] error in self?.lost(error) }
        connection.pushed = { [weak self] value in self?.received(value) }
        for (id, waiter) in self.waiters where waiter.missing.isEmpty {
            self.waiters[id] = nil
            waiter.whenDone(nil)
        }
        self.ask(Array(self.readers.keys))
    }

    private func lost(_ error: RedisError) {
        self.connection = nil
        self.asked.removeAll()
        for (id, subscriber) in self.subscribers where self.waiters[id] == nil {
            subscriber.counters.gaps.add(1, ordering: .relaxed)
        }
        for id in Array(self.waiters.keys) {
            guard let subscriber = self.subscribers[id] else { continue }
            self.waiters[id]?.missing = Self.names(of: subscriber)
        }
        self.confirmed.removeAll()
        self.logger.warning("subscription connection lost", metadata: ["error": "\(error)"])
        let lifetime = self.connector.eventLoop.now - self.connectedAt
        self.schedule(self.machine.lost(error, proved: lifetime >= .seconds(5)))
    }

    private func schedule(_ retry: ReconnectStateMachine.Retry) {
        guard case .after(let failures) = retry else { return }
        var generator = SystemRandomNumberGenerator()
        let delay = self.connector.configuration.backoff.delay(afterFailures: failures, using: &generator)
        self.connector.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(delay)) {
            if self.machine.waited() { self.connect() }
        }
    }
}
