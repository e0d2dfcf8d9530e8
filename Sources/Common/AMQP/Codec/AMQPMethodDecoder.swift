import CRabbitMQ
import NIOCore

/// Makes Swift values of what the broker sent; librabbitmq reads the bytes.
struct AMQPMethodDecoder {
    private let pool: AMQPCodecPool

    init(pool: AMQPCodecPool) { self.pool = pool }

    func decode(_ payload: ByteBuffer) throws(AMQPError) -> BrokerMethod {
        self.pool.recycle()
        return try payload.withUnsafeReadableBytes { bytes -> Result<BrokerMethod, AMQPError> in
            guard bytes.count >= 4, let base = bytes.baseAddress else {
                return .failure(.protocolViolation("a method frame without a method", replyCode: 501))
            }
            let number = amqp_method_number_t(bigEndian: bytes.loadUnaligned(as: UInt32.self))
            if number == AMQP_CONNECTION_START_METHOD {
                var scanner = AMQPTableScanner(bytes, offset: 6)
                guard scanner.acceptsTable() else { return .failure(Self.malformed(number)) }
            }
            let encoded = amqp_bytes_t(len: bytes.count - 4, bytes: UnsafeMutableRawPointer(mutating: base + 4))
            var decoded: UnsafeMutableRawPointer?
            let status = amqp_decode_method(number, self.pool.pointer, encoded, &decoded)
            guard status == AMQP_STATUS_OK.rawValue, let decoded else { return .failure(Self.malformed(number)) }
            guard let method = Self.method(number, decoded) else {
                return .failure(
                    .protocolViolation("method \(Self.name(number)) is not the broker's to send", replyCode: 503))
            }
            return .success(method)
        }.get()
    }

    private static func malformed(_ number: amqp_method_number_t) -> AMQPError {
        .protocolViolation("malformed or unknown method \(self.name(number))", replyCode: 502)
    }

    private static func name(_ number: amqp_method_number_t) -> String {
        amqp_method_name(number).map { String(cString: $0) } ?? "\(number >> 16).\(number & 0xFFFF)"
    }

    private static func method(_ number: amqp_method_number_t, _ memory: UnsafeMutableRawPointer) -> BrokerMethod? {
        switch number {
        case AMQP_BASIC_ACK_METHOD:
            let fields = memory.load(as: amqp_basic_ack_t.self)
            return .basicAck(deliveryTag: fields.delivery_tag, multiple: fields.multiple != 0)
        case AMQP_BASIC_DELIVER_METHOD:
            let fields = memory.load(as: amqp_basic_deliver_t.self)
            return .content(
                .deliver(
                    consumerTag: String(fields.consumer_tag),
                    deliveryTag: fields.delivery_tag,
                    redelivered: fields.redelivered != 0,
                    exchange: String(fields.exchange),
                    routingKey: String(fields.routing_key)
                ))
        case AMQP_BASIC_NACK_METHOD:
            let fields = memory.load(as: amqp_basic_nack_t.self)
            return .basicNack(deliveryTag: fields.delivery_tag, multiple: fields.multiple != 0)
        case AMQP_BASIC_RETURN_METHOD:
            let fields = memory.load(as: amqp_basic_return_t.self)
            return .content(
                .returned(
                    replyCode: fields.reply_code,
                    replyText: String(fields.reply_text),
                    exchange: String(fields.exchange),
                    routingKey: String(fields.routing_key)
                ))
        case AMQP_BASIC_GET_OK_METHOD:
            let fields = memory.load(as: amqp_basic_get_ok_t.self)
            return .content(
                .getOk(
                    deliveryTag: fields.delivery_tag,
                    redelivered: fields.redelivered != 0,
                    exchange: String(fields.exchange),
                    routingKey: String(fields.routing_key)
                ))
        case AMQP_BASIC_GET_EMPTY_METHOD: return .basicGetEmpty
        case AMQP_BASIC_CONSUME_OK_METHOD:
            return .basicConsumeOk(consumerTag: String(memory.load(as: amqp_basic_consume_ok_t.self).consumer_tag))
        case AMQP_BASIC_CANCEL_OK_METHOD:
            return .basicCancelOk(consumerTag: String(memory.load(as: amqp_basic_cancel_ok_t.self).consumer_tag))
        case AMQP_BASIC_CANCEL_METHOD:
            let fields = memory.load(as: amqp_basic_cancel_t.self)
            return .basicCancel(consumerTag: String(fields.consumer_tag), noWait: fields.nowait != 0)
        case AMQP_BASIC_QOS_OK_METHOD: return .done(.qos)
        case AMQP_CONFIRM_SELECT_OK_METHOD: return .done(.confirmSelect)
        case AMQP_EXCHANGE_DECLARE_OK_METHOD: return .done(.exchangeDeclare)
        case AMQP_EXCHANGE_DELETE_OK_METHOD: return .done(.exchangeDelete)
        case AMQP_EXCHANGE_BIND_OK_METHOD: return .done(.exchangeBind)
        case AMQP_EXCHANGE_UNBIND_OK_METHOD: return .done(.exchangeUnbind)
        case AMQP_QUEUE_DECLARE_OK_METHOD:
            let fields = memory.load(as: amqp_queue_declare_ok_t.self)
            return .queueDeclareOk(
                AMQPChannel.QueueStatus(
                    name: String(fields.queue), messageCount: fields.message_count, consumerCount: fields.consumer_count
                ))
        case AMQP_QUEUE_BIND_OK_METHOD: return .done(.queueBind)
        case AMQP_QUEUE_UNBIND_OK_METHOD: return .done(.queueUnbind)
        case AMQP_QUEUE_PURGE_OK_METHOD:
            return .queuePurgeOk(messageCount: memory.load(as: amqp_queue_purge_ok_t.self).message_count)
        case AMQP_QUEUE_DELETE_OK_METHOD:
            return .queueDeleteOk(messageCount: memory.load(as: amqp_queue_delete_ok_t.self).message_count)
        default:
            return self.controlMethod(number, memory)
        }
    }

    private static func controlMethod(
        _ number: amqp_method_number_t, _ memory: UnsafeMutableRawPointer
    ) -> BrokerMethod? {
        switch number {
        case AMQP_CONNECTION_START_METHOD:
            let fields = memory.load(as: amqp_connection_start_t.self)
            return .connectionStart(
                major: fields.version_major, minor: fields.version_minor, mechanisms: String(fields.mechanisms))
        case AMQP_CONNECTION_TUNE_METHOD:
            let fields = memory.load(as: amqp_connection_tune_t.self)
            return .connectionTune(
                channelMax: fields.channel_max, frameMax: fields.frame_max, heartbeat: fields.heartbeat)
        case AMQP_CONNECTION_OPEN_OK_METHOD: return .connectionOpenOk
        case AMQP_CONNECTION_CLOSE_METHOD:
            let fields = memory.load(as: amqp_connection_close_t.self)
            return .connectionClose(replyCode: fields.reply_code, replyText: String(fields.reply_text))
        case AMQP_CONNECTION_CLOSE_OK_METHOD: return .connectionCloseOk
        case AMQP_CONNECTION_BLOCKED_METHOD:
            return .connectionBlocked(reason: String(memory.load(as: amqp_connection_blocked_t.self).reason))
        case AMQP_CONNECTION_UNBLOCKED_METHOD: return .connectionUnblocked
        case AMQP_CHANNEL_OPEN_OK_METHOD: return .done(.channelOpen)
        case AMQP_CHANNEL_CLOSE_METHOD:
            let fields = memory.load(as: amqp_channel_close_t.self)
            return .channelClose(replyCode: fields.reply_code, replyText: String(fields.reply_text))
        case AMQP_CHANNEL_CLOSE_OK_METHOD: return .channelCloseOk
        case AMQP_CHANNEL_FLOW_METHOD:
            return .channelFlow(active: memory.load(as: amqp_channel_flow_t.self).active != 0)
        default: return nil
        }
    }
}

extension String {
    /// Bytes that are not UTF-8 are replaced.
    init(_ bytes: amqp_bytes_t) {
        self.init(
            decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.bytes == nil ? 0 : bytes.len),
            as: UTF8.self)
    }
}
