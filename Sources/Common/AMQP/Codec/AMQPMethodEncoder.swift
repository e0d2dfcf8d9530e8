import CRabbitMQ

/// Writes one method into memory of the caller's.
struct AMQPMethodEncoder {
    private let pool: AMQPCodecPool

    init(pool: AMQPCodecPool) { self.pool = pool }

    /// - Parameter emit: gets the method's number, its fields in librabbitmq's layout, and must encode them at once.
    func encode(
        _ method: ClientMethod,
        emit: (amqp_method_number_t, UnsafeMutableRawPointer) throws(AMQPError) -> Void
    ) throws(AMQPError) {
        self.pool.recycle()
        switch method {
        case .connectionStartOk(let clientProperties, let mechanism, let response, let locale):
            var fields = amqp_connection_start_ok_t(
                client_properties: try self.pool.table(clientProperties),
                mechanism: try self.pool.shortString(mechanism),
                response: try self.pool.longString(response),
                locale: try self.pool.shortString(locale)
            )
            try emit(AMQP_CONNECTION_START_OK_METHOD, &fields)
        case .connectionTuneOk(let channelMax, let frameMax, let heartbeat):
            var fields = amqp_connection_tune_ok_t(channel_max: channelMax, frame_max: frameMax, heartbeat: heartbeat)
            try emit(AMQP_CONNECTION_TUNE_OK_METHOD, &fields)
        case .connectionOpen(let virtualHost):
            var fields = amqp_connection_open_t()
            fields.virtual_host = try self.pool.shortString(virtualHost)
            try emit(AMQP_CONNECTION_OPEN_METHOD, &fields)
        case .connectionClose(let replyCode, let replyText):
            var fields = amqp_connection_close_t()
            fields.reply_code = replyCode
            fields.reply_text = try self.pool.shortString(replyText)
            try emit(AMQP_CONNECTION_CLOSE_METHOD, &fields)
        case .connectionCloseOk:
            var fields = amqp_connection_close_ok_t()
            try emit(AMQP_CONNECTION_CLOSE_OK_METHOD, &fields)
        case .channelOpen:
            var fields = amqp_channel_open_t()
            try emit(AMQP_CHANNEL_OPEN_METHOD, &fields)
        case .channelClose(let replyCode, let replyText):
            var fields = amqp_channel_close_t()
            fields.reply_code = replyCode
            fields.reply_text = try self.pool.shortString(replyText)
            try emit(AMQP_CHANNEL_CLOSE_METHOD, &fields)
        case .channelCloseOk:
            var fields = amqp_channel_close_ok_t()
            try emit(AMQP_CHANNEL_CLOSE_OK_METHOD, &fields)
        case .channelFlowOk(let active):
            var fields = amqp_channel_flow_ok_t(active: active ? 1 : 0)
            try emit(AMQP_CHANNEL_FLOW_OK_METHOD, &fields)
        case .exchangeDeclare, .exchangeDelete, .exchangeBind, .exchangeUnbind:
            try self.encodeExchange(method, emit: emit)
        case .queueDeclare, .queueBind, .queueUnbind, .queuePurge, .queueDelete:
            try self.encodeQueue(method, emit: emit)
        case .basicQos, .basicConsume, .basicCancel, .basicCancelOk, .basicPublish, .basicGet, .basicAck, .basicNack,
            .basicReject, .confirmSelect:
            try self.encodeBasic(method, emit: emit)
        }
    }

    private func encodeExchange(
        _ method: ClientMethod,
        emit: (amqp_method_number_t, UnsafeMutableRawPointer) throws(AMQPError) -> Void
    ) throws(AMQPError) {
        switch method {
        case .exchangeDeclare(
            let name, let kind, let passive, let durable, let autoDelete, let isInternal, let arguments):
            var fields = amqp_exchange_declare_t()
            fields.exchange = try self.pool.shortString(name)
            fields.type = try self.pool.shortString(kind)
            fields.passive = passive ? 1 : 0
            fields.durable = durable ? 1 : 0
            fields.auto_delete = autoDelete ? 1 : 0
            fields.internal = isInternal ? 1 : 0
            fields.arguments = try self.pool.table(arguments)
            try emit(AMQP_EXCHANGE_DECLARE_METHOD, &fields)
        case .exchangeDelete(let name, let ifUnused):
            var fields = amqp_exchange_delete_t()
            fields.exchange = try self.pool.shortString(name)
            fields.if_unused = ifUnused ? 1 : 0
            try emit(AMQP_EXCHANGE_DELETE_METHOD, &fields)
        case .exchangeBind(let destination, let source, let routingKey, let arguments):
            var fields = amqp_exchange_bind_t()
            fields.destination = try self.pool.shortString(destination)
            fields.source = try self.pool.shortString(source)
            fields.routing_key = try self.pool.shortString(routingKey)
            fields.arguments = try self.pool.table(arguments)
            try emit(AMQP_EXCHANGE_BIND_METHOD, &fields)
        case .exchangeUnbind(let destination, let source, let routingKey, let arguments):
            var fields = amqp_exchange_unbind_t()
            fields.destination = try self.pool.shortString(destination)
            fields.source = try self.pool.shortString(source)
            fields.routing_key = try self.pool.shortString(routingKey)
            fields.arguments = try self.pool.table(arguments)
            try emit(AMQP_EXCHANGE_UNBIND_METHOD, &fields)
        default:
            break
        }
    }

    private func encodeQueue(
        _ method: ClientMethod,
        emit: (amqp_method_number_t, UnsafeMutableRawPointer) throws(AMQPError) -> Void
    ) throws(AMQPError) {
        switch method {
        case .queueDeclare(let name, let passive, let durable, let exclusive, let autoDelete, let arguments):
            var fields = amqp_queue_declare_t()
            fields.queue = try self.pool.shortString(name)
            fields.passive = passive ? 1 : 0
            fields.durable = durable ? 1 : 0
            fields.exclusive = exclusive ? 1 : 0
            fields.auto_delete = autoDelete ? 1 : 0
            fields.arguments = try self.pool.table(arguments)
            try emit(AMQP_QUEUE_DECLARE_METHOD, &fields)
        case .queueBind(let name, let exchange, let routingKey, let arguments):
            var fields = amqp_queue_bind_t()
            fields.queue = try self.pool.shortString(name)
            fields.exchange = try self.pool.shortString(exchange)
            fields.routing_key = try self.pool.shortString(routingKey)
            fields.arguments = try self.pool.table(arguments)
            try emit(AMQP_QUEUE_BIND_METHOD, &fields)
        case .queueUnbind(let name, let exchange, let routingKey, let arguments):
            var fields = amqp_queue_unbind_t()
            fields.queue = try self.pool.shortString(name)
            fields.exchange = try self.pool.shortString(exchange)
            fields.routing_key = try self.pool.shortString(routingKey)
            fields.arguments = try self.pool.table(arguments)
            try emit(AMQP_QUEUE_UNBIND_METHOD, &fields)
        case .queuePurge(let name):
            var fields = amqp_queue_purge_t()
            fields.queue = try self.pool.shortString(name)
            try emit(AMQP_QUEUE_PURGE_METHOD, &fields)
        case .queueDelete(let name, let ifUnused, let ifEmpty):
            var fields = amqp_queue_delete_t()
            fields.queue = try self.pool.shortString(name)
            fields.if_unused = ifUnused ? 1 : 0
            fields.if_empty = ifEmpty ? 1 : 0
            try emit(AMQP_QUEUE_DELETE_METHOD, &fields)
        default:
            break
        }
    }

    private func encodeBasic(
        _ method: ClientMethod,
        emit: (amqp_method_number_t, UnsafeMutableRawPointer) throws(AMQPError) -> Void
    ) throws(AMQPError) {
        switch method {
        case .basicQos(let prefetchCount):
            var fields = amqp_basic_qos_t(prefetch_size: 0, prefetch_count: prefetchCount, global: 0)
            try emit(AMQP_BASIC_QOS_METHOD, &fields)
        case .basicConsume(let queue, let consumerTag, let noAck, let exclusive, let arguments):
            var fields = amqp_basic_consume_t()
            fields.queue = try self.pool.shortString(queue)
            fields.consumer_tag = try self.pool.shortString(consumerTag)
            fields.no_ack = noAck ? 1 : 0
            fields.exclusive = exclusive ? 1 : 0
            fields.arguments = try self.pool.table(arguments)
            try emit(AMQP_BASIC_CONSUME_METHOD, &fields)
        case .basicCancel(let consumerTag):
            var fields = amqp_basic_cancel_t()
            fields.consumer_tag = try self.pool.shortString(consumerTag)
            try emit(AMQP_BASIC_CANCEL_METHOD, &fields)
        case .basicCancelOk(let consumerTag):
            var fields = amqp_basic_cancel_ok_t(consumer_tag: try self.pool.shortString(consumerTag))
            try emit(AMQP_BASIC_CANCEL_OK_METHOD, &fields)
        case .basicPublish(let exchange, let routingKey, let mandatory):
            var fields = amqp_basic_publish_t()
            fields.exchange = try self.pool.shortString(exchange)
            fields.routing_key = try self.pool.shortString(routingKey)
            fields.mandatory = mandatory ? 1 : 0
            try emit(AMQP_BASIC_PUBLISH_METHOD, &fields)
        case .basicGet(let queue, let noAck):
            var fields = amqp_basic_get_t()
            fields.queue = try self.pool.shortString(queue)
            fields.no_ack = noAck ? 1 : 0
            try emit(AMQP_BASIC_GET_METHOD, &fields)
        case .basicAck(let deliveryTag, let multiple):
            var fields = amqp_basic_ack_t(delivery_tag: deliveryTag, multiple: multiple ? 1 : 0)
            try emit(AMQP_BASIC_ACK_METHOD, &fields)
        case .basicNack(let deliveryTag, let multiple, let requeue):
            var fields = amqp_basic_nack_t(
                delivery_tag: deliveryTag, multiple: multiple ? 1 : 0, requeue: requeue ? 1 : 0)
            try emit(AMQP_BASIC_NACK_METHOD, &fields)
        case .basicReject(let deliveryTag, let requeue):
            var fields = amqp_basic_reject_t(delivery_tag: deliveryTag, requeue: requeue ? 1 : 0)
            try emit(AMQP_BASIC_REJECT_METHOD, &fields)
        case .confirmSelect:
            var fields = amqp_confirm_select_t()
            try emit(AMQP_CONFIRM_SELECT_METHOD, &fields)
        default:
            break
        }
    }
}
