/// One step of a schema.
package struct Migration: Sendable, Equatable {
    /// Orders the steps; from 1. Never reused.
    package let version: Int
    package let name: String
    /// One or more statements. They run in a transaction, so there is no BEGIN, COMMIT or `create index concurrently`.
    package let sql: String

    package init(version: Int, name: String, sql: String) {
        self.version = version
        self.name = name
        self.sql = sql
    }

    /// FNV-1a, 64 bits, of the name and the lines, without white space at their ends: it tells that a step was changed
    /// by accident. `Migration(version: 1, name: "a", sql: "b")` → `e5beb1190415e670`.
    package var checksum: String {
        let lines = ([Substring(self.name)] + self.sql.split(separator: "\n", omittingEmptySubsequences: false)).map {
            line in
            String(line.reversed().drop(while: \.isWhitespace).reversed())
        }
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in lines.joined(separator: "\n").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
