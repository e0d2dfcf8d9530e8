/// What we send.
enum ClientMethod: Sendable, Equatable {
    case connectionStartOk(clientProperties: AMQPTable, mechanism: String, response: String, locale: String)
    case connectionTuneOk(channelMax: UInt16, frameMax: UInt32, heartbeat: UInt16)
    case connectionOpen(virtualHost: String)
    case connectionClose(replyCode: UInt16, replyText: String)
    case connectionCloseOk
    case channelOpen
    case channelClose(replyCode: UInt16, replyText: String)
    case channelCloseOk
    case channelFlowOk(active: Bool)
    case exchangeDeclare(
        String, kind: String, passive: Bool, durable: Bool, autoDelete: Bool, isInternal: Bool, arguments: AMQPTable)
    case exchangeDelete(String, ifUnused: Bool)
    case exchangeBind(destination: String, source: String, routingKey: String, arguments: AMQPTable)
    case exchangeUnbind(destination: String, source: String, routingKey: String, arguments: AMQPTable)
    case queueDeclare(
        String, passive: Bool, durable: Bool, exclusive: Bool, autoDelete: Bool, arguments: AMQPTable)
    case queueBind(String, exchange: String, routingKey: String, arguments: AMQPTable)
    case queueUnbind(String, exchange: String, routingKey: String, arguments: AMQPTable)
    case queuePurge(String)
    case queueDelete(String, ifUnused: Bool, ifEmpty: Bool)
    case basicQos(prefetchCount: UInt16)
    case basicConsume(String, consumerTag: String, noAck: Bool, exclusive: Bool, arguments: AMQPTable)
    case basicCancel(consumerTag: String)
    case basicCancelOk(consumerTag: String)
    case basicPublish(exchange: String, routingKey: String, mandatory: Bool)
    case basicGet(String, noAck: Bool)
    case basicAck(deliveryTag: UInt64, multiple: Bool)
    case basicNack(deliveryTag: UInt64, multiple: Bool, requeue: Bool)
    case basicReject(deliveryTag: UInt64, requeue: Bool)
    case confirmSelect
}

extension ClientMethod {
    /// AMQP's name of what a caller may ask for, for error messages.
    var name: String {
        switch self {
        case .channelOpen: "channel.open"
        case .exchangeDeclare(let name, _, _, _, _, _, _): "exchange.declare of \(name)"
        case .exchangeDelete(let name, _): "exchange.delete of \(name)"
        case .exchangeBind(let destination, let source, _, _): "exchange.bind of \(destination) to \(source)"
        case .exchangeUnbind(let destination, let source, _, _): "exchange.unbind of \(destination) from \(source)"
        case .queueDeclare(let name, _, _, _, _, _): "queue.declare of \(name)"
        case .queueBind(let name, let exchange, _, _): "queue.bind of \(name) to \(exchange)"
        case .queueUnbind(let name, let exchange, _, _): "queue.unbind of \(name) from \(exchange)"
        case .queuePurge(let name): "queue.purge of \(name)"
        case .queueDelete(let name, _, _): "queue.delete of \(name)"
        case .basicQos: "basic.qos"
        case .basicConsume(let queue, _, _, _, _): "basic.consume of \(queue)"
        case .basicCancel(let consumerTag): "basic.cancel of \(consumerTag)"
        case .basicGet(let queue, _): "basic.get of \(queue)"
        case .confirmSelect: "confirm.select"
        case .connectionStartOk, .connectionTuneOk, .connectionOpen, .connectionClose, .connectionCloseOk,
            .channelClose,
            .channelCloseOk, .channelFlowOk, .basicCancelOk, .basicPublish, .basicAck, .basicNack, .basicReject:
            "a method"
        }
    }
}

/// What the broker sends.
enum BrokerMethod: Sendable, Equatable {
    /// The answers that say nothing but "done".
    enum Done: Sendable {
        case channelOpen, exchangeDeclare, exchangeDelete, exchangeBind, exchangeUnbind, queueBind, queueUnbind, qos
        case confirmSelect
    }

    /// A method that content frames follow.
    enum ContentMethod: Sendable, Equatable {
        case deliver(consumerTag: String, deliveryTag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
        case getOk(deliveryTag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
        case returned(replyCode: UInt16, replyText: String, exchange: String, routingKey: String)
    }

    case connectionStart(major: UInt8, minor: UInt8, mechanisms: String)
    case connectionTune(channelMax: UInt16, frameMax: UInt32, heartbeat: UInt16)
    case connectionOpenOk
    case connectionClose(replyCode: UInt16, replyText: String)
    case connectionCloseOk
    case connectionBlocked(reason: String)
    case connectionUnblocked
    case channelClose(replyCode: UInt16, replyText: String)
    case channelCloseOk
    case channelFlow(active: Bool)
    case done(Done)
    case queueDeclareOk(AMQPChannel.QueueStatus)
    case queuePurgeOk(messageCount: UInt32)
    case queueDeleteOk(messageCount: UInt32)
    case basicConsumeOk(consumerTag: String)
    case basicCancelOk(consumerTag: String)
    case basicCancel(consumerTag: String, noWait: Bool)
    case basicGetEmpty
    case basicAck(deliveryTag: UInt64, multiple: Bool)
    case basicNack(deliveryTag: UInt64, multiple: Bool)
    case content(ContentMethod)
}
