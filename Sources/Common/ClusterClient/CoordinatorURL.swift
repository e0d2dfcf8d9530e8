import Foundation

/// Where a coordinator's HTTP API begins: `http` or `https`, a host, and no slash at the end.
package struct CoordinatorURL: Sendable, Hashable, CustomStringConvertible {
    /// What is wrong with a text. Never shows more of it than its beginning, since it may come from a peer.
    package struct Malformed: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    static let mostBytes = 2048

    package let description: String
    let isSecure: Bool

    /// - Throws: ``Malformed`` for everything but an http or https URL of at most 2,048 bytes without user, query and
    ///   fragment.
    package init(_ text: some StringProtocol) throws(Malformed) {
        let shown = "\"\(text.prefix(80))\(text.count > 80 ? "…" : "")\""
        guard text.utf8.count <= Self.mostBytes else {
            throw Malformed(description: "\(shown) is longer than \(Self.mostBytes) bytes")
        }
        // Other bytes would be read one way here, and perhaps another way where the request is written.
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "\\") }),
            let parts = URLComponents(string: String(text))
        else { throw Malformed(description: "\(shown) is no URL") }
        guard let scheme = parts.scheme?.lowercased(), scheme == "http" || scheme == "https" else {
            throw Malformed(description: "\(shown) does not begin with http:// or https://")
        }
        guard parts.user == nil, parts.password == nil, !text.contains("@") else {
            throw Malformed(description: "a coordinator's URL holds no user, no password and no @")
        }
        guard let host = parts.host, !host.isEmpty else { throw Malformed(description: "\(shown) names no host") }
        guard parts.port.map({ (1...65535).contains($0) }) ?? true else {
            throw Malformed(description: "\(shown) has a port that is not from 1 to 65535")
        }
        guard parts.query == nil, parts.fragment == nil else {
            throw Malformed(description: "\(shown) has a query or a fragment")
        }
        self.isSecure = scheme == "https"
        var base = String(text)
        while base.hasSuffix("/") { base.removeLast() }
        self.description = base
    }

    /// The coordinator that a standby's `Location` names.
    ///
    /// - Parameter path: what was asked for, such as `/v1/members`. The leader has it too: nothing else is followed.
    init(location: String, path: String, from standby: CoordinatorURL) throws(Malformed) {
        let base = location.hasSuffix(path) ? location.dropLast(path.count) : location[...]
        let leader = try CoordinatorURL(base)
        guard location.hasSuffix(path) || URLComponents(string: leader.description)?.path.isEmpty == true else {
            throw Malformed(description: "\"\(location.prefix(80))\" does not lead to \(path)")
        }
        guard leader.isSecure || !standby.isSecure else {
            throw Malformed(description: "\(leader) is not encrypted, as \(standby) is: it gets no token")
        }
        self = leader
    }
}
