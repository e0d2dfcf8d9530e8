import Foundation
import Synchronization

package struct NoFreePort: Error {}

private let given = Mutex<Set<Int>>([])

/// A port outside of the range that the kernel hands out by itself, so that it stays free until a program takes it. No
/// two calls of a process get the same.
package func quietPort(below end: Int = 32_000) throws -> Int {
    for _ in 0..<200 {
        let port = Int.random(in: 12_000..<end)
        // One that is taken is passed over.
        if let holder = try? PortHolder(port: port) {
            holder.release()
            if given.withLock({ $0.insert(port).inserted }) { return port }
        }
    }
    throw NoFreePort()
}

/// Listens on a port of the loopback interface, so that nobody else can.
package final class PortHolder: Sendable {
    private let descriptor: Int32
    package let port: Int

    package init(port: Int) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(descriptor, 1) == 0
            }
        }
        guard isBound else {
            close(descriptor)
            throw NoFreePort()
        }
        self.descriptor = descriptor
        self.port = port
    }

    package func release() { close(self.descriptor) }
}
