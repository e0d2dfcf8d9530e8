import CRabbitMQ
import NIOCore

/// The frame between a content method and its body.
struct AMQPContentHeader: Equatable {
    let bodySize: UInt64
    let properties: AMQPProperties
}

struct AMQPContentHeaderDecoder {
    private let pool: AMQPCodecPool

    init(pool: AMQPCodecPool) { self.pool = pool }

    func decode(_ payload: ByteBuffer) throws(AMQPError) -> AMQPContentHeader {
        self.pool.recycle()
        return try payload.withUnsafeReadableBytes { bytes -> Result<AMQPContentHeader, AMQPError> in
            guard bytes.count >= 14, let base = bytes.baseAddress else { return .failure(Self.malformed) }
            let classID = UInt16(bigEndian: bytes.loadUnaligned(as: UInt16.self))
            let flags = Int32(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 12, as: UInt16.self)))
            // Bit 0 announces more flags; class basic has none.
            guard classID == UInt16(AMQP_BASIC_CLASS), flags & 1 == 0 else { return .failure(Self.malformed) }
            if flags & AMQP_BASIC_HEADERS_FLAG != 0 {
                var scanner = AMQPTableScanner(bytes, offset: 14)
                if flags & AMQP_BASIC_CONTENT_TYPE_FLAG != 0, !scanner.skipShortString() {
                    return .failure(Self.malformed)
                }
                if flags & AMQP_BASIC_CONTENT_ENCODING_FLAG != 0, !scanner.skipShortString() {
                    return .failure(Self.malformed)
                }
                guard scanner.acceptsTable() else { return .failure(Self.malformed) }
            }
            let encoded = amqp_bytes_t(len: bytes.count - 12, bytes: UnsafeMutableRawPointer(mutating: base + 12))
            var decoded: UnsafeMutableRawPointer?
            let status = amqp_decode_properties(classID, self.pool.pointer, encoded, &decoded)
            guard status == AMQP_STATUS_OK.rawValue, let decoded else { return .failure(Self.malformed) }
            return .success(
                AMQPContentHeader(
                    bodySize: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt64.self)),
                    properties: Self.properties(decoded.load(as: amqp_basic_properties_t.self))
                ))
        }.get()
    }

    private static var malformed: AMQPError { .protocolViolation("malformed content header", replyCode: 502) }

    private static func properties(_ fields: amqp_basic_properties_t) -> AMQPProperties {
        let flags = Int32(truncatingIfNeeded: fields._flags)
        var properties = AMQPProperties()
        func has(_ flag: Int32) -> Bool { flags & flag != 0 }
        if has(AMQP_BASIC_CONTENT_TYPE_FLAG) { properties.contentType = String(fields.content_type) }
        if has(AMQP_BASIC_CONTENT_ENCODING_FLAG) { properties.contentEncoding = String(fields.content_encoding) }
        if has(AMQP_BASIC_HEADERS_FLAG) { properties.headers = Self.table(fields.headers) }
        if has(AMQP_BASIC_DELIVERY_MODE_FLAG) { properties.deliveryMode = .init(rawValue: fields.delivery_mode) }
        if has(AMQP_BASIC_PRIORITY_FLAG) { properties.priority = fields.priority }
        if has(AMQP_BASIC_CORRELATION_ID_FLAG) { properties.correlationID = String(fields.correlation_id) }
        if has(AMQP_BASIC_REPLY_TO_FLAG) { properties.replyTo = String(fields.reply_to) }
        if has(AMQP_BASIC_EXPIRATION_FLAG) { properties.expiration = String(fields.expiration) }
        if has(AMQP_BASIC_MESSAGE_ID_FLAG) { properties.messageID = String(fields.message_id) }
        if has(AMQP_BASIC_TIMESTAMP_FLAG) { properties.timestamp = fields.timestamp }
        if has(AMQP_BASIC_TYPE_FLAG) { properties.type = String(fields.type) }
        if has(AMQP_BASIC_USER_ID_FLAG) { properties.userID = String(fields.user_id) }
        if has(AMQP_BASIC_APP_ID_FLAG) { properties.appID = String(fields.app_id) }
        return properties
    }

    private static func table(_ table: amqp_table_t) -> AMQPTable {
        var result = AMQPTable()
        for entry in UnsafeBufferPointer(start: table.entries, count: table.entries == nil ? 0 : Int(table.num_entries))
        {
            result[String(entry.key)] = self.value(entry.value)
        }
        return result
    }

    private static func value(_ field: amqp_field_value_t) -> AMQPValue {
        switch field.kind {
        case UInt8(ascii: "t"): return .bool(field.value.boolean != 0)
        case UInt8(ascii: "b"): return .int8(field.value.i8)
        case UInt8(ascii: "B"): return .uint8(field.value.u8)
        case UInt8(ascii: "s"): return .int16(field.value.i16)
        case UInt8(ascii: "u"): return .uint16(field.value.u16)
        case UInt8(ascii: "I"): return .int32(field.value.i32)
        case UInt8(ascii: "i"): return .uint32(field.value.u32)
        // RabbitMQ itself has no unsigned 64-bit integers: both tags are read as the signed ones.
        case UInt8(ascii: "l"), UInt8(ascii: "L"): return .int64(field.value.i64)
        case UInt8(ascii: "f"): return .float(field.value.f32)
        case UInt8(ascii: "d"): return .double(field.value.f64)
        case UInt8(ascii: "D"): return .decimal(scale: field.value.decimal.decimals, value: field.value.decimal.value)
        case UInt8(ascii: "S"):
            let bytes = field.value.bytes
            let memory = UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.bytes == nil ? 0 : bytes.len)
            return String(validating: memory, as: UTF8.self).map { .string($0) } ?? .bytes(Array(memory))
        case UInt8(ascii: "x"):
            let bytes = field.value.bytes
            return .bytes(Array(UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.bytes == nil ? 0 : bytes.len)))
        case UInt8(ascii: "T"): return .timestamp(field.value.u64)
        case UInt8(ascii: "F"): return .table(Self.table(field.value.table))
        case UInt8(ascii: "A"):
            let array = field.value.array
            let entries = UnsafeBufferPointer(
                start: array.entries, count: array.entries == nil ? 0 : Int(array.num_entries))
            return .array(entries.map(Self.value))
        default: return .void
        }
    }
}
