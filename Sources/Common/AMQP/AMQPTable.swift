/// Arguments of a declaration, headers of a message.
package typealias AMQPTable = [String: AMQPValue]

/// A field value of a table, in RabbitMQ's reading of AMQP 0-9-1.
package enum AMQPValue: Sendable, Equatable {
    case bool(Bool)
    case int8(Int8)
    case uint8(UInt8)
    case int16(Int16)
    case uint16(UInt16)
    case int32(Int32)
    case uint32(UInt32)
    case int64(Int64)
    case float(Float)
    case double(Double)
    /// `value` divided by ten to the power of `scale`.
    case decimal(scale: UInt8, value: UInt32)
    case string(String)
    /// Bytes, or a long string that is not UTF-8.
    case bytes([UInt8])
    /// Seconds since the Unix epoch.
    case timestamp(UInt64)
    case array([AMQPValue])
    case table(AMQPTable)
    case void

    package var stringValue: String? {
        guard case .string(let value) = self else { return nil }
        return value
    }

    /// The value of any integer type.
    package var integerValue: Int64? {
        switch self {
        case .int8(let value): Int64(value)
        case .uint8(let value): Int64(value)
        case .int16(let value): Int64(value)
        case .uint16(let value): Int64(value)
        case .int32(let value): Int64(value)
        case .uint32(let value): Int64(value)
        case .int64(let value): value
        case .bool, .float, .double, .decimal, .string, .bytes, .timestamp, .array, .table, .void: nil
        }
    }

    package var boolValue: Bool? {
        guard case .bool(let value) = self else { return nil }
        return value
    }

    package var tableValue: AMQPTable? {
        guard case .table(let value) = self else { return nil }
        return value
    }

    package var arrayValue: [AMQPValue]? {
        guard case .array(let value) = self else { return nil }
        return value
    }
}

extension AMQPValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .int64(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
}
