package import NIOCore

/// One reply of Redis (RESP2).
///
/// Errors are values too, so that a pipeline returns every result: the server's own, and in the same place the reason
/// why an answer is missing.
package enum RESPValue: Sendable, Equatable {
    case null
    case integer(Int64)
    /// A status line such as "OK".
    case simpleString(String)
    /// A binary-safe string.
    case bulkString(ByteBuffer)
    case array([RESPValue])
    case error(RedisError)
}

extension RESPValue {
    package var isNull: Bool { self == .null }

    package var error: RedisError? {
        if case .error(let error) = self { error } else { nil }
    }

    /// The value, or the error thrown.
    package func get() throws(RedisError) -> RESPValue {
        if case .error(let error) = self { throw error }
        return self
    }

    /// The integer of an integer reply or of a string that holds one; `nil` for everything else.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .simpleString(let text): Int64(text)
        case .bulkString(let buffer): Int64(String(buffer: buffer))
        case .null, .array, .error: nil
        }
    }

    /// The text of a status line, string or integer; broken UTF-8 is replaced. `nil` for everything else.
    package var string: String? {
        switch self {
        case .integer(let value): String(value)
        case .simpleString(let text): text
        case .bulkString(let buffer): String(buffer: buffer)
        case .null, .array, .error: nil
        }
    }

    package var buffer: ByteBuffer? {
        switch self {
        case .bulkString(let buffer): buffer
        case .simpleString(let text): ByteBuffer(string: text)
        case .null, .integer, .array, .error: nil
        }
    }

    package var array: [RESPValue]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The pairs of a flat array reply, as HGETALL returns them; `nil` when it is no array of even length.
    package var pairs: [(key: RESPValue, value: RESPValue)]? {
        guard case .array(let elements) = self, elements.count.isMultiple(of: 2) else { return nil }
        return stride(from: 0, to: elements.count, by: 2).map { (elements[$0], elements[$0 + 1]) }
    }
}

extension Array where Element == RESPValue {
    /// The first error of a pipeline's results.
    package var firstError: RedisError? {
        for value in self {
            if case .error(let error) = value { return error }
        }
        return nil
    }
}
