import Foundation

/// A listening TCP socket, as the kernel tells it.
package struct Listener: Sendable, CustomStringConvertible {
    /// In the kernel's words, host order.
    package let address: String
    package let port: Int
    package let process: Int32

    package var isLoopback: Bool {
        // 127.0.0.1 and ::1.
        self.address == "0100007F" || self.address == "00000000000000000000000001000000"
    }
    package var description: String { "\(self.address):\(self.port)" }

    package static func of(_ processes: [Int32]) throws -> [Listener] {
        var sockets: [String: Int32] = [:]
        for process in processes {
            let folder = "/proc/\(process)/fd"
            // A process that ended meanwhile, or is another user's, has none.
            for entry in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
                guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(entry)"),
                    target.hasPrefix("socket:[")
                else { continue }
                sockets[String(target.dropFirst(8).dropLast())] = process
            }
        }
        return try ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path in
            // Read to the end: `FileManager` takes the kernel's short reads for it.
            let table = try FileHandle(forReadingFrom: URL(fileURLWithPath: path)).readToEnd() ?? Data()
            return String(decoding: table, as: UTF8.self).split(separator: "\n").dropFirst().compactMap {
                line -> Listener? in
                let fields = line.split(separator: " ")
                guard fields.count > 9, fields[3] == "0A", let process = sockets[String(fields[9])] else { return nil }
                let local = fields[1].split(separator: ":")
                return Listener(address: String(local[0]), port: Int(local[1], radix: 16) ?? 0, process: process)
            }
        }
    }

    /// The process that listens on a port, among all that may be looked at.
    package static func process(on port: Int) throws -> Int32? {
        let processes = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }
        return try self.of(processes).first { $0.port == port }?.process
    }
}
