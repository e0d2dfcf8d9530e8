import Gateway

/// Which hosts a token may be shown to when RESUMing: READY names the URL, so it must not be believed blindly.
struct ResumeHosts: Sendable, Equatable {
    /// Domains; each stands for itself and what is below it.
    let domains: [String]

    /// - Parameter list: domains with commas between.
    init(_ list: String) {
        self.domains = list.split(separator: ",").map { $0.filter { $0 != " " }.lowercased() }.filter { !$0.isEmpty }
    }

    /// The URL to RESUME at: the named one where it is allowed, else the gateway's own. The gateway's own host is
    /// allowed, and TLS is never given up.
    func resumeURL(named url: String?, gateway: String) -> (url: String, isAllowed: Bool) {
        // A URL that can't be read is as good as none.
        guard let url, let named = try? GatewayURL(url), let own = try? GatewayURL(gateway) else {
            return (gateway, url == nil)
        }
        let host = named.host.lowercased()
        let isKnown =
            host == own.host.lowercased()
            || (Self.isName(host) && self.domains.contains { host == $0 || host.hasSuffix(".\($0)") })
        guard isKnown, named.isTLS || !own.isTLS else { return (gateway, false) }
        return (url, true)
    }

    /// Labels of letters, digits and hyphens: what a resolver or a proxy might read in another way is no name.
    private static func isName(_ host: String) -> Bool {
        host.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty
                && label.utf8.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                        UInt8(ascii: "-"):
                        true
                    default: false
                    }
                }
        }
    }
}
