extension AMQPConfiguration {
    /// Reads `amqp://user:password@host:port/vhost?heartbeat=10` as RabbitMQ's URI specification and its query
    /// parameters say: `amqps` for TLS; parts are percent-encoded. No path, and the path `/`, mean virtual host `/`.
    ///
    /// Query: `heartbeat` (s), `connection_timeout` (ms), `channel_max`, `frame_max`, and with `amqps` `cacertfile`,
    /// `certfile`, `keyfile`, `server_name_indication`, `verify` (`verify_peer`, `verify_none`).
    ///
    /// - Throws: `.invalidArgument`; the message never quotes the part with the credentials.
    package init(url: String) throws(AMQPError) {
        guard let schemeEnd = url.firstRange(of: "://") else { throw Self.invalid("it has no scheme") }
        let scheme = url[..<schemeEnd.lowerBound].lowercased()
        guard scheme == "amqp" || scheme == "amqps" else { throw Self.invalid("its scheme is not amqp or amqps") }
        let rest = url[schemeEnd.upperBound...]
        guard !rest.contains("#") else { throw Self.invalid("it has a fragment, or a # that should be %23") }

        let authorityEnd = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<authorityEnd]
        let tail = rest[authorityEnd...]
        let queryStart = tail.firstIndex(of: "?") ?? tail.endIndex
        let path = tail[..<queryStart]

        var user = "guest"
        var password = "guest"
        var hostAndPort = authority
        if let at = authority.lastIndex(of: "@") {
            let credentials = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = try Self.decoded(credentials[0], "user")
            password = credentials.count > 1 ? try Self.decoded(credentials[1], "password") : ""
            hostAndPort = authority[authority.index(after: at)...]
        }
        guard !path.dropFirst().contains("/") else { throw Self.invalid("its virtual host has a / that should be %2F") }
        let (host, port) = try Self.hostAndPort(hostAndPort, defaultPort: scheme == "amqps" ? 5_671 : 5_672)
        self.init(
            host: host,
            port: port,
            // By the letter a lone `/` names the virtual host "", which nobody has and most people don't mean.
            virtualHost: path.count <= 1 ? "/" : try Self.decoded(path.dropFirst(), "virtual host"),
            user: user,
            password: password,
            tls: scheme == "amqps" ? TLS() : nil
        )
        for pair in tail[queryStart...].dropFirst().split(separator: "&") { try self.apply(query: pair) }
    }

    private mutating func apply(query pair: Substring) throws(AMQPError) {
        let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = String(parts[0].prefix(64))
        let value = parts.count > 1 ? try Self.decoded(parts[1], name) : ""
        switch name {
        case "heartbeat": self.heartbeat = .seconds(try Self.number(value, name, 0...Int(UInt16.max)))
        case "connection_timeout": self.connectTimeout = .milliseconds(try Self.number(value, name, 1...3_600_000))
        case "channel_max": self.channelMax = UInt16(try Self.number(value, name, 1...Int(UInt16.max)))
        case "frame_max": self.frameMax = try Self.number(value, name, AMQPFrame.minimumMaximum...Int(Int32.max))
        case "cacertfile", "certfile", "keyfile", "server_name_indication", "verify":
            guard var tls = self.tls else { throw Self.invalid("\(name) needs the scheme amqps") }
            switch (name, value) {
            case ("cacertfile", _): tls.authorityFile = value
            case ("certfile", _): tls.certificateFile = value
            case ("keyfile", _): tls.privateKeyFile = value
            case ("server_name_indication", _): tls.serverName = value
            case ("verify", "verify_peer"): tls.verification = .full
            case ("verify", "verify_none"): tls.verification = .none
            default: throw Self.invalid("verify must be verify_peer or verify_none")
            }
            self.tls = tls
        default: throw Self.invalid("it has an unknown query parameter \(name)")
        }
    }

    private static func hostAndPort(_ text: Substring, defaultPort: Int) throws(AMQPError) -> (String, Int) {
        var host = text
        var port: Substring?
        if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
            host = text[text.index(after: text.startIndex)..<end]
            let after = text[text.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw Self.invalid("its host is malformed") }
            port = after.isEmpty ? nil : after.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
        }
        guard !host.isEmpty else { throw Self.invalid("it has no host") }
        guard let port, !port.isEmpty else { return (try Self.decoded(host, "host"), defaultPort) }
        return (try Self.decoded(host, "host"), try Self.number(String(port), "port", 1...65_535))
    }

    private static func number(_ text: String, _ name: String, _ range: ClosedRange<Int>) throws(AMQPError) -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw Self.invalid("its \(name) is not a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func decoded(_ text: Substring, _ name: String) throws(AMQPError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst()?.hexDigitValue, let low = rest.popFirst()?.hexDigitValue else {
                throw Self.invalid("its \(name) has a % that is not followed by two hexadecimal digits")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self), !decoded.utf8.contains(0) else {
            throw Self.invalid("its \(name) is not UTF-8 text")
        }
        return decoded
    }

    private static func invalid(_ reason: String) -> AMQPError {
        AMQPError(.invalidArgument, "the AMQP URL can't be used: \(reason)")
    }
}

extension UInt8 {
    fileprivate var hexDigitValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
