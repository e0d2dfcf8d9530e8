import CPostgres
import Glibc

/// Finds addresses ahead of libpq, which would block the loop's thread while it looks up a name.
enum HostLookup {
    /// The name to look up; `nil` when libpq needs none: a socket's path, an address, several hosts, or `hostaddr`
    /// given.
    static func name(in options: [String: String]) -> String? {
        guard options["hostaddr"] == nil, let host = options["host"], let first = host.utf8.first else { return nil }
        guard first != UInt8(ascii: "/"), first != UInt8(ascii: "@"), !host.contains(","), !host.contains(":") else {
            return nil
        }
        return host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) } ? nil : host
    }

    /// The options with addresses filled in; libpq tries them in turn, and checks certificates against the name.
    static func options(_ options: [String: String], with addresses: [String]) -> [String: String] {
        guard let host = options["host"], !addresses.isEmpty else { return options }
        var options = options
        options["host"] = Array(repeating: host, count: addresses.count).joined(separator: ",")
        options["hostaddr"] = addresses.joined(separator: ",")
        return options
    }

    /// Blocks.
    static func addresses(of name: String) -> Result<[String], PostgresError> {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(name, nil, &hints, &list)
        guard status == 0, let list else {
            let reason = String(cString: gai_strerror(status))
            return .failure(PostgresError(.connectFailed, "host \"\(name)\" was not found: \(reason)"))
        }
        defer { freeaddrinfo(list) }
        var addresses: [String] = []
        var next: UnsafeMutablePointer<addrinfo>? = list
        while let entry = next {
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let numeric = getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST
            )
            if numeric == 0 {
                let address = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                if !addresses.contains(address) { addresses.append(address) }
            }
            next = entry.pointee.ai_next
        }
        return .success(addresses)
    }
}
