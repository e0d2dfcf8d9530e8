package import NIOCore

/// One argument of a command: bytes, in the form that is cheapest for the caller.
package enum RedisArgument: Sendable, Equatable {
    case string(String)
    case buffer(ByteBuffer)
    case integer(Int64)
}

extension RedisArgument {
    package init(_ string: some StringProtocol) { self = .string(String(string)) }
    package init(_ buffer: ByteBuffer) { self = .buffer(buffer) }
    package init(_ bytes: [UInt8]) { self = .buffer(ByteBuffer(bytes: bytes)) }
    package init(_ value: Int64) { self = .integer(value) }
    package init(_ value: Int) { self = .integer(Int64(value)) }
    package init(_ value: UInt64) { self = Int64(exactly: value).map { .integer($0) } ?? .string(String(value)) }
    package init(_ value: Double) { self = .string(String(value)) }
}

extension RedisArgument: ExpressibleByStringInterpolation {
    package init(stringLiteral value: String) { self = .string(value) }
}

extension RedisArgument: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) { self = .integer(value) }
}

/// A command and its arguments: `["SET", "key", "value"]`.
package struct RedisCommand: Sendable, Equatable, ExpressibleByArrayLiteral {
    package var arguments: [RedisArgument]

    package init(_ arguments: [RedisArgument]) { self.arguments = arguments }
    package init(arrayLiteral elements: RedisArgument...) { self.arguments = elements }
}
