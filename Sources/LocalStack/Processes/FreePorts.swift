import Foundation

/// Chooses ports of the loopback interface: the remembered one, else the usual one, else a free one.
struct PortChoice: Sendable {
    /// By service, such as `rabbitmq`.
    private(set) var ports: [String: Int] = [:]
    private let remembered: [String: Int]
    private let isFree: @Sendable (Int) -> Bool
    private let anyFree: @Sendable () throws(LocalStackError) -> Int

    init(
        remembered: [String: Int],
        isFree: @escaping @Sendable (Int) -> Bool = FreePorts.isFree,
        anyFree: @escaping @Sendable () throws(LocalStackError) -> Int = FreePorts.any
    ) {
        self.remembered = remembered
        self.isFree = isFree
        self.anyFree = anyFree
    }

    /// - Parameter usual: nil when any port will do.
    mutating func choose(_ service: String, usual: Int?) throws(LocalStackError) -> Int {
        for candidate in [self.remembered[service], usual].compactMap(\.self)
        where (1...65535).contains(candidate) && !self.isTaken(candidate) && self.isFree(candidate) {
            self.ports[service] = candidate
            return candidate
        }
        for _ in 0..<64 {
            let candidate = try self.anyFree()
            guard !self.isTaken(candidate) else { continue }
            self.ports[service] = candidate
            return candidate
        }
        throw LocalStackError(.notStarted, "no free port for \(service)")
    }

    private func isTaken(_ port: Int) -> Bool { self.ports.values.contains(port) }
}

/// Asks the kernel.
enum FreePorts {
    /// Whether a listener on 127.0.0.1 can be bound there now.
    static func isFree(_ port: Int) -> Bool { self.bound(to: port) != nil }

    static func any() throws(LocalStackError) -> Int {
        guard let port = self.bound(to: 0) else { throw LocalStackError(.notStarted, "the system has no free port") }
        return port
    }

    private static func bound(to port: Int) -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0, let port = UInt16(exactly: port) else { return nil }
        defer { close(descriptor) }
        // As servers do: connections of a stack that stopped a moment ago don't keep the port.
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && listen(descriptor, 1) == 0
                    && getsockname(descriptor, $0, &length) == 0
            }
        }
        return isBound ? Int(UInt16(bigEndian: address.sin_port)) : nil
    }
}
