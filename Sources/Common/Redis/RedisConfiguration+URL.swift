extension RedisConfiguration {
    /// `redis://[user][:password]@host[:port][,host:port…][/database]`, `rediss://` with TLS, as registered with IANA.
    /// User and password are percent-decoded. Several hosts are seeds of a cluster, which `redis+cluster://` and
    /// `rediss+cluster://` say of one host too. Port 6379 and database 0 are the defaults.
    /// - Throws: `.invalidConfiguration`; its message never holds the URL.
    package init(url: String) throws(RedisError) {
        guard let (scheme, rest) = Self.split(url, at: "://") else { throw Self.invalid("it has no scheme") }
        let (usesTLS, saysCluster): (Bool, Bool) =
            switch scheme.lowercased() {
            case "redis": (false, false)
            case "rediss": (true, false)
            case "redis+cluster": (false, true)
            case "rediss+cluster": (true, true)
            default: throw Self.invalid("the scheme is not redis or rediss")
            }
        guard !rest.contains("?"), !rest.contains("#") else { throw Self.invalid("it has a query or fragment") }
        let authorityEnd = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<authorityEnd]
        let path = rest[authorityEnd...].dropFirst()

        var username: String?
        var password: String?
        var hosts = authority
        if let at = authority.lastIndex(of: "@") {
            hosts = authority[authority.index(after: at)...]
            let user = authority[..<at]
            if let (name, secret) = Self.split(user, at: ":") {
                username = name.isEmpty ? nil : try Self.decode(name)
                password = try Self.decode(secret)
            } else {
                username = try Self.decode(user)
            }
        }
        guard username == nil || password != nil else { throw Self.invalid("it has a user without a password") }

        var endpoints: [Endpoint] = []
        for host in hosts.split(separator: ",", omittingEmptySubsequences: false) {
            endpoints.append(try Self.endpoint(host))
        }
        var database = 0
        if !path.isEmpty {
            guard let number = Int(path), (0...65_535).contains(number) else {
                throw Self.invalid("the database is no number")
            }
            database = number
        }
        self.init(
            endpoints: endpoints,
            username: username,
            password: password?.isEmpty == true ? nil : password,
            database: database,
            tls: usesTLS ? TLS() : nil
        )
        self.isCluster = saysCluster || endpoints.count > 1
        guard !self.isCluster || database == 0 else { throw Self.invalid("a cluster has database 0 only") }
    }

    private static func endpoint(_ text: Substring) throws(RedisError) -> Endpoint {
        var host = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw self.invalid("an IPv6 address lacks its bracket") }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw self.invalid("something follows an IPv6 address") }
            port = rest.isEmpty ? nil : rest.dropFirst()
        } else if let (name, number) = self.split(text, at: ":") {
            host = name
            port = number
        }
        guard !host.isEmpty else { throw self.invalid("it has no host") }
        guard let number = port.map({ Int($0) }) ?? 6379, (1...65_535).contains(number) else {
            throw self.invalid("a port is not between 1 and 65535")
        }
        return Endpoint(host: String(host), port: number)
    }

    private static func decode(_ text: Substring) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2).compactMap { Character(UnicodeScalar($0)).hexDigitValue }
            guard digits.count == 2 else { throw self.invalid("percent-encoding is broken") }
            bytes.append(UInt8(digits[0] * 16 + digits[1]))
            rest = rest.dropFirst(2)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw self.invalid("percent-encoding is not UTF-8")
        }
        return decoded
    }

    private static func split(_ text: some StringProtocol, at separator: String) -> (Substring, Substring)? {
        let text = Substring(text)
        guard let range = text.firstRange(of: separator) else { return nil }
        return (text[..<range.lowerBound], text[range.upperBound...])
    }

    private static func invalid(_ reason: String) -> RedisError {
        RedisError(.invalidConfiguration, "the Redis URL is not usable: \(reason)")
    }
}
