/// Why Redis refused a command, or why its answer is not known.
///
/// The fields are boxed so that a `RESPValue` stays small: most replies are no errors.
package struct RedisError: Error, Sendable {
    package enum Code: Sendable, Hashable {
        /// No connection, or it was lost before the answer.
        case connectionLost
        /// The deadline passed. The connection lives on and later answers are still matched.
        case timedOut
        /// The server's error reply; `kind` is its first word, such as "WRONGTYPE".
        case server(kind: String)
        /// The peer sent what no Redis sends, or a reply beyond the configured limits.
        case protocolViolation
        /// Too many commands or bytes are outstanding. Nothing was sent.
        case overloaded
        /// AUTH was refused, or the server wants a password and has got none.
        case authenticationFailed
        /// TLS could not be set up.
        case tlsFailed
        /// The keys of one command lie in different hash slots of the cluster. Nothing was sent.
        case crossSlot
        /// The cluster gave no usable slot map, or redirected too often.
        case clusterUnavailable
        /// The client was shut down.
        case closed
        /// The URL or a setting is wrong.
        case invalidConfiguration
        /// A reply of another type than the caller asked for.
        case unexpectedReply
    }

    /// What is known about the command's fate.
    package enum Delivery: Sendable, Hashable {
        /// It never left this process: trying again is safe.
        case notSent
        /// It was written; whether the server ran it is not known.
        case mayHaveExecuted
        /// The server answered.
        case answered
    }

    private final class Storage: Sendable {
        let code: Code
        let message: String
        let delivery: Delivery
        let underlying: (any Error)?

        init(code: Code, message: String, delivery: Delivery, underlying: (any Error)?) {
            self.code = code
            self.message = message
            self.delivery = delivery
            self.underlying = underlying
        }
    }

    private let storage: Storage

    package var code: Code { self.storage.code }
    /// What went wrong, for people. For `.server` the whole error line.
    package var message: String { self.storage.message }
    package var delivery: Delivery { self.storage.delivery }
    package var underlying: (any Error)? { self.storage.underlying }

    package init(_ code: Code, _ message: String, delivery: Delivery = .notSent, underlying: (any Error)? = nil) {
        self.storage = Storage(code: code, message: message, delivery: delivery, underlying: underlying)
    }

    /// From the line of an error reply, without the leading "-".
    init(serverLine line: String) {
        let kind = String(line.prefix { $0 != " " })
        let code: Code =
            switch kind {
            case "WRONGPASS", "NOAUTH": .authenticationFailed
            default: .server(kind: kind)
            }
        self.init(code, line, delivery: .answered)
    }

    /// The first word of the server's error reply, if this is one.
    package var serverKind: String? {
        if case .server(let kind) = self.code { kind } else { nil }
    }

    func with(delivery: Delivery) -> RedisError {
        RedisError(self.code, self.message, delivery: delivery, underlying: self.underlying)
    }
}

extension RedisError: Equatable {
    package static func == (lhs: RedisError, rhs: RedisError) -> Bool {
        lhs.code == rhs.code && lhs.message == rhs.message && lhs.delivery == rhs.delivery
    }
}

extension RedisError: CustomStringConvertible {
    package var description: String {
        let cause = self.underlying.map { " (\($0))" } ?? ""
        return "Redis: \(self.code), \(self.delivery): \(self.message)\(cause)"
    }
}
