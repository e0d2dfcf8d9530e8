/// Where a gateway is, with the query that its clients must send: `wss://gateway.discord.gg/?v=10&encoding=json`.
package struct GatewayURL: Sendable, Hashable, CustomStringConvertible {
    package let isTLS: Bool
    /// Without the brackets of an IPv6 address.
    package let host: String
    package let port: Int
    package let compression: GatewayCompression
    let path: String
    let query: String

    /// Takes the `url` of `GET /gateway/bot` or a `resume_gateway_url`, with or without trailing slash, and sets
    /// `v`, `encoding` and `compress`; other parts of its query are kept.
    package init(
        _ base: String,
        version: Int = 10,
        compression: GatewayCompression = .zstdStream
    ) throws(GatewayError) {
        var rest = Substring(base)
        if rest.lowercased().hasPrefix("wss://") {
            self.isTLS = true
            rest = rest.dropFirst(6)
        } else if rest.lowercased().hasPrefix("ws://") {
            self.isTLS = false
            rest = rest.dropFirst(5)
        } else {
            throw Self.invalid(base, "it must begin with ws:// or wss://")
        }
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Self.invalid(base, "it holds spaces, control characters or non-ASCII characters")
        }
        guard !rest.contains("#") else { throw Self.invalid(base, "a fragment is not allowed") }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<end]
        guard !authority.contains("@") else { throw Self.invalid(base, "user and password are not allowed") }
        (self.host, self.port) = try Self.hostAndPort(authority, isTLS: self.isTLS, base: base)

        let target = rest[end...].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = target.first ?? ""
        self.path = path.isEmpty ? "/" : String(path)
        let own = ["v", "encoding", "compress"]
        var items = (target.count == 2 ? target[1].split(separator: "&") : []).map(String.init).filter { item in
            !own.contains(String(item.prefix { $0 != "=" }))
        }
        items += ["v=\(version)", "encoding=json"]
        if compression != .none { items.append("compress=\(compression.rawValue)") }
        self.query = items.joined(separator: "&")
        self.compression = compression
    }

    /// The HTTP request target.
    var target: String { "\(self.path)?\(self.query)" }

    /// The Host header: the port is left out when it is the scheme's own.
    var hostHeader: String {
        let host = self.host.contains(":") ? "[\(self.host)]" : self.host
        return self.port == (self.isTLS ? 443 : 80) ? host : "\(host):\(self.port)"
    }

    package var description: String { "\(self.isTLS ? "wss" : "ws")://\(self.hostHeader)\(self.target)" }

    private static func hostAndPort(
        _ authority: Substring,
        isTLS: Bool,
        base: String
    ) throws(GatewayError) -> (String, Int) {
        var host = authority
        var portText: Substring?
        if authority.first == "[" {
            guard let bracket = authority.firstIndex(of: "]") else {
                throw Self.invalid(base, "the bracket is not closed")
            }
            host = authority[authority.index(after: authority.startIndex)..<bracket]
            let tail = authority[authority.index(after: bracket)...]
            guard tail.isEmpty || tail.first == ":" else { throw Self.invalid(base, "a port must follow the bracket") }
            portText = tail.isEmpty ? nil : tail.dropFirst()
            guard host.contains(":") else { throw Self.invalid(base, "brackets must hold an IPv6 address") }
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            portText = authority[authority.index(after: colon)...]
        }
        guard !host.isEmpty else { throw Self.invalid(base, "the host is missing") }
        guard let portText else { return (String(host), isTLS ? 443 : 80) }
        guard portText.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let port = Int(portText),
            (1...65_535) ~= port
        else { throw Self.invalid(base, "the port must be 1 to 65535") }
        return (String(host), port)
    }

    private static func invalid(_ base: String, _ why: String) -> GatewayError {
        GatewayError(.invalidURL, "gateway URL \"\(base)\" cannot be used: \(why)")
    }
}
