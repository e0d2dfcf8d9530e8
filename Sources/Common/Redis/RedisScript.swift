/// A Lua script, called by the SHA-1 of its source; the client sends the source only when the server lacks it.
package struct RedisScript: Sendable, Hashable {
    package let source: String
    /// 40 lower-case hexadecimal digits.
    package let sha1: String

    package init(_ source: String) {
        self.source = source
        self.sha1 = SHA1.hexDigest(of: source.utf8)
    }
}
