extension AMQPChannel {
    package enum ExchangeKind: String, Sendable {
        case direct, fanout, topic, headers
    }

    package struct QueueStatus: Sendable, Equatable {
        package let name: String
        /// Ready messages, without those that a consumer holds.
        package let messageCount: UInt32
        package let consumerCount: UInt32
    }

    /// - Throws: `.channelClosed` with 404 when `passive` finds none, 406 when it exists with other properties.
    package func declareExchange(
        _ name: String,
        kind: ExchangeKind,
        durable: Bool = true,
        autoDelete: Bool = false,
        isInternal: Bool = false,
        passive: Bool = false,
        arguments: AMQPTable = [:]
    ) async throws(AMQPError) {
        _ = try await self.request(
            .exchangeDeclare(
                name, kind: kind.rawValue, passive: passive, durable: durable, autoDelete: autoDelete,
                isInternal: isInternal, arguments: arguments),
            .done(.exchangeDeclare))
    }

    /// Deleting what does not exist succeeds.
    package func deleteExchange(_ name: String, ifUnused: Bool = false) async throws(AMQPError) {
        _ = try await self.request(.exchangeDelete(name, ifUnused: ifUnused), .done(.exchangeDelete))
    }

    package func bindExchange(
        _ destination: String,
        to source: String,
        routingKey: String = "",
        arguments: AMQPTable = [:]
    ) async throws(AMQPError) {
        _ = try await self.request(
            .exchangeBind(destination: destination, source: source, routingKey: routingKey, arguments: arguments),
            .done(.exchangeBind))
    }

    package func unbindExchange(
        _ destination: String,
        from source: String,
        routingKey: String = "",
        arguments: AMQPTable = [:]
    ) async throws(AMQPError) {
        _ = try await self.request(
            .exchangeUnbind(destination: destination, source: source, routingKey: routingKey, arguments: arguments),
            .done(.exchangeUnbind))
    }

    /// An empty name lets the broker choose one.
    ///
    /// - Throws: `.channelClosed` with 404 when `passive` finds none, 405 when another connection has it exclusively,
    ///   406 when it exists with other properties.
    @discardableResult
    package func declareQueue(
        _ name: String,
        durable: Bool = true,
        exclusive: Bool = false,
        autoDelete: Bool = false,
        passive: Bool = false,
        arguments: AMQPTable = [:]
    ) async throws(AMQPError) -> QueueStatus {
        let answer = try await self.request(
            .queueDeclare(
                name, passive: passive, durable: durable, exclusive: exclusive, autoDelete: autoDelete,
                arguments: arguments),
            .queueDeclareOk)
        guard case .method(.queueDeclareOk(let status)) = answer else { throw Self.otherAnswer }
        return status
    }

    /// Deleting what does not exist succeeds.
    ///
    /// - Returns: how many messages went with it.
    @discardableResult
    package func deleteQueue(
        _ name: String, ifUnused: Bool = false, ifEmpty: Bool = false
    ) async throws(AMQPError) -> UInt32 {
        let answer = try await self.request(.queueDelete(name, ifUnused: ifUnused, ifEmpty: ifEmpty), .queueDeleteOk)
        guard case .method(.queueDeleteOk(let count)) = answer else { throw Self.otherAnswer }
        return count
    }

    package func bindQueue(
        _ name: String,
        to exchange: String,
        routingKey: String = "",
        arguments: AMQPTable = [:]
    ) async throws(AMQPError) {
        _ = try await self.request(
            .queueBind(name, exchange: exchange, routingKey: routingKey, arguments: arguments), .done(.queueBind))
    }

    package func unbindQueue(
        _ name: String,
        from exchange: String,
        routingKey: String = "",
        arguments: AMQPTable = [:]
    ) async throws(AMQPError) {
        _ = try await self.request(
            .queueUnbind(name, exchange: exchange, routingKey: routingKey, arguments: arguments), .done(.queueUnbind))
    }

    /// - Returns: how many messages went.
    @discardableResult
    package func purgeQueue(_ name: String) async throws(AMQPError) -> UInt32 {
        let answer = try await self.request(.queuePurge(name), .queuePurgeOk)
        guard case .method(.queuePurgeOk(let count)) = answer else { throw Self.otherAnswer }
        return count
    }

    static var otherAnswer: AMQPError { .protocolViolation("the broker answered something else") }
}
