import NIOCore
import NIOHTTP1

extension GatewayRequest {
    init(_ head: HTTPRequestHead, remoteAddress: SocketAddress?) {
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        self.path = parts.first.map(String.init) ?? ""
        var query: [String: String] = [:]
        for item in parts.count == 2 ? parts[1].split(separator: "&") : [] {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            query[Self.percentDecoded(pair[0])] = pair.count == 2 ? Self.percentDecoded(pair[1]) : ""
        }
        self.query = query
        self.version = query["v"].flatMap { Int($0) }
        self.encoding = query["encoding"]
        self.compression = query["compress"].flatMap { GatewayCompression(rawValue: $0) } ?? .none
        self.origin = head.headers.first(name: "Origin")
        self.userAgent = head.headers.first(name: "User-Agent")
        self.remoteAddress = remoteAddress
    }

    /// Decodes %XX and +; what is malformed stays as it is.
    private static func percentDecoded(_ text: Substring) -> String {
        var decoded: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2).compactMap { Character(UnicodeScalar($0)).hexDigitValue }
            if byte == UInt8(ascii: "%"), digits.count == 2 {
                decoded.append(UInt8(digits[0] << 4 | digits[1]))
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }
}
