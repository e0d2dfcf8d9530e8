import Foundation
import Testing

/// A listening TCP socket, as the kernel tells it.
struct Listener: CustomStringConvertible {
    /// In the kernel's words, host order.
    let address: String
    let port: Int

    var isLoopback: Bool { self.address == "0100007F" || self.address == "00000000000000000000000001000000" }
    var description: String { "\(self.address):\(self.port)" }

    static func of(_ processes: [Int32]) throws -> [Listener] {
        var sockets: Set<String> = []
        for process in processes {
            let folder = "/proc/\(process)/fd"
            // A process that ended meanwhile has none.
            for entry in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
                guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(entry)"),
                    target.hasPrefix("socket:[")
                else { continue }
                sockets.insert(String(target.dropFirst(8).dropLast()))
            }
        }
        return try ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path in
            // Read to the end: `FileManager` takes the kernel's short reads for it.
            let table = try #require(try FileHandle(forReadingFrom: URL(fileURLWithPath: path)).readToEnd())
            return String(decoding: table, as: UTF8.self).split(separator: "\n").dropFirst().compactMap {
                line -> Listener? in
                let fields = line.split(separator: " ")
                guard fields.count > 9, fields[3] == "0A", sockets.contains(String(fields[9])) else { return nil }
                let local = fields[1].split(separator: ":")
                return Listener(address: String(local[0]), port: Int(local[1], radix: 16) ?? 0)
            }
        }
    }
}
