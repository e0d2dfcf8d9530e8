import Foundation

/// What this process holds in memory, as Linux tells it.
enum Memory {
    /// Bytes of resident memory.
    static func resident() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else {
            throw BenchmarkError("/proc/self/statm can't be read: \(text)")
        }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
