import Foundation

/// The process of this machine that listens on a TCP port, found in /proc.
enum ListeningProcess {
    /// - Returns: nil: none that this user may look at.
    static func id(port: Int) -> pid_t? {
        let sockets = Set(["/proc/net/tcp", "/proc/net/tcp6"].flatMap { self.sockets(in: $0, port: port) })
        guard !sockets.isEmpty else { return nil }
        let files = FileManager.default
        for entry in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let id = pid_t(entry) else { continue }
            // Processes of others, and those that just ended, show nothing.
            let descriptors = (try? files.contentsOfDirectory(atPath: "/proc/\(entry)/fd")) ?? []
            for descriptor in descriptors {
                let target = try? files.destinationOfSymbolicLink(atPath: "/proc/\(entry)/fd/\(descriptor)")
                if let target, sockets.contains(target) { return id }
            }
        }
        return nil
    }

    /// `socket:[inode]` of the sockets that listen (state 0A, proc(5)).
    private static func sockets(in table: String, port: Int) -> [String] {
        let text = (try? String(contentsOfFile: table, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 9, fields[3] == "0A", let colon = fields[1].lastIndex(of: ":"),
                Int(fields[1][colon...].dropFirst(), radix: 16) == port
            else { return nil }
            return "socket:[\(fields[9])]"
        }
    }
}
