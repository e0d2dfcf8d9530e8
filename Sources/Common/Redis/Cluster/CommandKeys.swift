import NIOCore

/// Which arguments of a command are keys. Commands not listed have one key, as their first argument.
enum CommandKeys {
    /// `nil` when the arguments make no sense.
    static func indices(of name: String, arguments: [ByteBuffer]) -> [Int]? {
        let count = arguments.count
        switch name {
        case "ACL", "ASKING", "AUTH", "BGREWRITEAOF", "BGSAVE", "CLIENT", "CLUSTER", "COMMAND", "CONFIG", "DBSIZE",
            "DEBUG",
            "DISCARD", "ECHO", "EXEC", "FLUSHALL", "FLUSHDB", "FUNCTION", "HELLO", "INFO", "KEYS", "LASTSAVE",
            "LATENCY",
            "MODULE", "MULTI", "PING", "PUBLISH", "PUBSUB", "QUIT", "RANDOMKEY", "READONLY", "READWRITE", "RESET",
            "ROLE",
            "SAVE", "SCAN", "SCRIPT", "SELECT", "SHUTDOWN", "SLOWLOG", "SWAPDB", "TIME", "UNWATCH", "WAIT":
            return []
        case "EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO":
            return self.counted(at: 2, arguments)
        case "ZUNION", "ZINTER", "ZDIFF", "SINTERCARD", "ZINTERCARD", "ZMPOP", "LMPOP":
            return self.counted(at: 1, arguments)
        case "ZUNIONSTORE", "ZINTERSTORE", "ZDIFFSTORE":
            return self.counted(at: 2, arguments).map { [1] + $0 }
        case "BITOP":
            return count > 2 ? Array(2..<count) : nil
        case "OBJECT", "MEMORY", "XINFO", "XGROUP":
            return count > 2 ? [2] : []
        case "DEL", "UNLINK", "EXISTS", "TOUCH", "MGET", "WATCH", "SINTER", "SUNION", "SDIFF", "SINTERSTORE",
            "SUNIONSTORE",
            "SDIFFSTORE", "PFCOUNT", "PFMERGE":
            return Array(1..<max(count, 1))
        case "MSET", "MSETNX":
            return Array(stride(from: 1, to: count, by: 2))
        case "RENAME", "RENAMENX", "COPY", "SMOVE", "LMOVE", "RPOPLPUSH", "GEOSEARCHSTORE", "ZRANGESTORE", "LCS":
            return count > 2 ? [1, 2] : nil
        case "XREAD", "XREADGROUP":
            guard let streams = arguments.firstIndex(where: { String(buffer: $0).uppercased() == "STREAMS" }) else {
                return nil
            }
            let names = count - streams - 1
            guard names > 0, names.isMultiple(of: 2) else { return nil }
            return Array(streams + 1..<streams + 1 + names / 2)
        default:
            return count > 1 ? [1] : []
        }
    }

    /// A count of keys, and the keys after it.
    private static func counted(at index: Int, _ arguments: [ByteBuffer]) -> [Int]? {
        guard index < arguments.count, let keys = Int(String(buffer: arguments[index])) else { return nil }
        guard keys >= 0, keys <= arguments.count - index - 1 else { return nil }
        return Array(index + 1..<index + 1 + keys)
    }
}
