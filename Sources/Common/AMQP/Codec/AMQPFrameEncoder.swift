import CRabbitMQ
import NIOCore

/// Writes frames. Methods and properties are encoded by librabbitmq, the seven bytes around them here.
struct AMQPFrameEncoder {
    static let protocolHeader: [UInt8] = Array("AMQP".utf8) + [0, 0, 9, 1]

    /// Bytes of the largest frame with its header and end.
    var maximumFrameSize: Int
    private let pool: AMQPCodecPool
    private let methods: AMQPMethodEncoder

    init(maximumFrameSize: Int, pool: AMQPCodecPool) {
        self.maximumFrameSize = maximumFrameSize
        self.pool = pool
        self.methods = AMQPMethodEncoder(pool: pool)
    }

    func writeHeartbeat(into buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(AMQPFrame.Kind.heartbeat.rawValue, UInt16(0), UInt32(0), AMQPFrame.end)
    }

    /// On an error nothing was written.
    func write(_ method: ClientMethod, channel: UInt16, into buffer: inout ByteBuffer) throws(AMQPError) {
        let pool = self.pool
        let maximum = self.maximumFrameSize
        try self.methods.encode(method) { number, fields throws(AMQPError) in
            try Self.writeFrame(.method, channel: channel, maximum: maximum, into: &buffer) { target in
                target.writeInteger(number)
                return target.writeCapacity(pool.encodedSize + 64) { amqp_encode_method(number, fields, $0) }
            }
        }
    }

    /// Publishes, in order. On an error some may have been written.
    ///
    /// - Parameter firstTag: nil without confirms.
    func write(
        _ messages: [AMQPMessage],
        firstTag: UInt64?,
        channel: UInt16,
        method: inout AMQPPublishMethod,
        into bytes: inout AMQPOutgoingBytes
    ) throws(AMQPError) {
        var tag = firstTag
        for index in messages.indices {
            try method.write(messages[index], channel: channel, encoder: self, into: &bytes.current)
            try self.writeContent(
                messages[index].properties,
                publishTag: messages[index].mandatory ? tag : nil,
                body: messages[index].body,
                channel: channel,
                into: &bytes
            )
            if let current = tag { tag = current + 1 }
        }
    }

    /// Content header and body frames of one message; `publishTag` goes into its headers.
    func writeContent(
        _ properties: AMQPProperties,
        publishTag: UInt64?,
        body: ByteBuffer,
        channel: UInt16,
        into bytes: inout AMQPOutgoingBytes
    ) throws(AMQPError) {
        if let headers = properties.encodedHeaders {
            try self.writeHeader(headers, properties, publishTag, body: body, channel: channel, into: &bytes.current)
            return self.writeBody(body, channel: channel, into: &bytes)
        }
        self.pool.recycle()
        var fields = try self.basicProperties(properties, publishTag: publishTag)
        let pool = self.pool
        try Self.writeFrame(.header, channel: channel, maximum: self.maximumFrameSize, into: &bytes.current) { target in
            target.writeMultipleIntegers(UInt16(AMQP_BASIC_CLASS), UInt16(0), UInt64(body.readableBytes))
            return target.writeCapacity(pool.encodedSize + 64) {
                amqp_encode_properties(UInt16(AMQP_BASIC_CLASS), &fields, $0)
            }
        }
        self.writeBody(body, channel: channel, into: &bytes)
    }

    /// A content header whose table is encoded already (AMQP 0-9-1, section 4.2.6.1): librabbitmq takes only tables.
    private func writeHeader(
        _ headers: AMQPEncodedHeaders,
        _ properties: AMQPProperties,
        _ publishTag: UInt64?,
        body: ByteBuffer,
        channel: UInt16,
        into buffer: inout ByteBuffer
    ) throws(AMQPError) {
        let contentType = properties.contentType ?? ""
        guard properties.isPlain, contentType.utf8.count <= 255 else {
            throw AMQPError(
                .invalidArgument, "only a content type of 255 bytes and a delivery mode go with encoded headers")
        }
        let flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG
        try Self.writeFrame(.header, channel: channel, maximum: self.maximumFrameSize, into: &buffer) { target in
            target.writeMultipleIntegers(
                UInt16(AMQP_BASIC_CLASS), UInt16(0), UInt64(body.readableBytes), UInt16(flags),
                UInt8(contentType.utf8.count))
            target.writeString(contentType)
            let tag = AMQPMessage.publishTagHeader
            let tagBytes = publishTag == nil ? 0 : tag.utf8.count + 10
            target.writeInteger(UInt32(headers.entries.readableBytes + tagBytes))
            target.writeImmutableBuffer(headers.entries)
            if let publishTag {
                target.writeInteger(UInt8(tag.utf8.count))
                target.writeString(tag)
                target.writeMultipleIntegers(UInt8(ascii: "l"), Int64(clamping: publishTag))
            }
            target.writeInteger((properties.deliveryMode ?? .transient).rawValue)
            return 0
        }
    }

    private func writeBody(_ body: ByteBuffer, channel: UInt16, into bytes: inout AMQPOutgoingBytes) {
        var rest = body
        let largest = self.maximumFrameSize - AMQPFrame.overhead
        while rest.readableBytes > 0 {
            let length = min(largest, rest.readableBytes)
            guard let piece = rest.readSlice(length: length) else { return }
            bytes.current.writeMultipleIntegers(AMQPFrame.Kind.body.rawValue, channel, UInt32(length))
            if length >= AMQPOutgoingBytes.largeBody {
                bytes.append(large: piece)
            } else {
                bytes.current.writeImmutableBuffer(piece)
            }
            bytes.current.writeInteger(AMQPFrame.end)
        }
        bytes.sealIfFull()
    }

    /// - Parameter write: writes the payload and returns librabbitmq's status, negative for an error.
    private static func writeFrame(
        _ kind: AMQPFrame.Kind,
        channel: UInt16,
        maximum: Int,
        into buffer: inout ByteBuffer,
        write: (inout ByteBuffer) -> Int32
    ) throws(AMQPError) {
        let start = buffer.writerIndex
        buffer.writeMultipleIntegers(kind.rawValue, channel, UInt32(0))
        let status = write(&buffer)
        let length = buffer.writerIndex - start - 7
        guard status >= 0, length + AMQPFrame.overhead <= maximum else {
            buffer.moveWriterIndex(to: start)
            let reason =
                status < 0 ? String(cString: amqp_error_string2(status)) : "\(length) bytes, a frame holds \(maximum)"
            throw AMQPError(.invalidArgument, "arguments or headers that can't be encoded: \(reason)")
        }
        buffer.setInteger(UInt32(length), at: start + 3)
        buffer.writeInteger(AMQPFrame.end)
    }

    private func basicProperties(
        _ properties: AMQPProperties, publishTag: UInt64?
    ) throws(AMQPError) -> amqp_basic_properties_t {
        var fields = amqp_basic_properties_t()
        var flags: Int32 = 0
        if let value = properties.contentType {
            flags |= AMQP_BASIC_CONTENT_TYPE_FLAG
            fields.content_type = try self.pool.shortString(value)
        }
        if let value = properties.contentEncoding {
            flags |= AMQP_BASIC_CONTENT_ENCODING_FLAG
            fields.content_encoding = try self.pool.shortString(value)
        }
        if let publishTag {
            flags |= AMQP_BASIC_HEADERS_FLAG
            let tag = (key: AMQPMessage.publishTagHeader, value: AMQPValue.int64(Int64(clamping: publishTag)))
            fields.headers = try self.pool.table(properties.headers, extra: tag)
        } else if !properties.headers.isEmpty {
            flags |= AMQP_BASIC_HEADERS_FLAG
            fields.headers = try self.pool.table(properties.headers)
        }
        if let value = properties.deliveryMode {
            flags |= AMQP_BASIC_DELIVERY_MODE_FLAG
            fields.delivery_mode = value.rawValue
        }
        if let value = properties.priority {
            flags |= AMQP_BASIC_PRIORITY_FLAG
            fields.priority = value
        }
        if let value = properties.correlationID {
            flags |= AMQP_BASIC_CORRELATION_ID_FLAG
            fields.correlation_id = try self.pool.shortString(value)
        }
        if let value = properties.replyTo {
            flags |= AMQP_BASIC_REPLY_TO_FLAG
            fields.reply_to = try self.pool.shortString(value)
        }
        if let value = properties.expiration {
            flags |= AMQP_BASIC_EXPIRATION_FLAG
            fields.expiration = try self.pool.shortString(value)
        }
        if let value = properties.messageID {
            flags |= AMQP_BASIC_MESSAGE_ID_FLAG
            fields.message_id = try self.pool.shortString(value)
        }
        if let value = properties.timestamp {
            flags |= AMQP_BASIC_TIMESTAMP_FLAG
            fields.timestamp = value
        }
        if let value = properties.type {
            flags |= AMQP_BASIC_TYPE_FLAG
            fields.type = try self.pool.shortString(value)
        }
        if let value = properties.userID {
            flags |= AMQP_BASIC_USER_ID_FLAG
            fields.user_id = try self.pool.shortString(value)
        }
        if let value = properties.appID {
            flags |= AMQP_BASIC_APP_ID_FLAG
            fields.app_id = try self.pool.shortString(value)
        }
        fields._flags = amqp_flags_t(flags)
        return fields
    }
}

extension ByteBuffer {
    /// Lets librabbitmq write at most `capacity` bytes; it says how many it wrote, or a negative status.
    fileprivate mutating func writeCapacity(_ capacity: Int, _ encode: (amqp_bytes_t) -> Int32) -> Int32 {
        var status: Int32 = 0
        self.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { memory in
            status = encode(amqp_bytes_t(len: memory.count, bytes: memory.baseAddress))
            return max(0, Int(status))
        }
        return status
    }
}
