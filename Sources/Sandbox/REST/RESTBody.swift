import Foundation
import NIOCore

/// A request's body, whichever of Discord's three content types it came in.
struct RESTBody: Sendable {
    struct File: Sendable {
        let filename: String
        let contentType: String
        let bytes: ByteBuffer
    }

    var json: JSONValue = .object([:])
    var files: [File] = []

    init() {}

    /// An empty body counts as `{}`, whatever its type.
    init(_ bytes: ByteBuffer, contentType: String?) throws(APIError) {
        guard bytes.readableBytes > 0 else { return }
        let type = (contentType ?? "").lowercased()
        let media = type.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces)
        switch media {
        case "application/json": self.json = try Self.json(bytes)
        case "multipart/form-data":
            guard let boundary = Self.parameter("boundary", of: contentType ?? "") else { throw Self.invalidMultipart }
            try self.readMultipart(bytes, boundary: boundary)
        case "application/x-www-form-urlencoded": self.json = try Self.urlEncoded(bytes)
        default:
            throw .form(
                code: "CONTENT_TYPE_INVALID",
                "Expected \"Content-Type\" header to be one of {'application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'}."
            )
        }
    }

    private static let invalidMultipart = APIError(400, 50035, "Invalid Form Body: malformed multipart/form-data")

    private static func json(_ bytes: ByteBuffer) throws(APIError) -> JSONValue {
        do throws(JSONError) {
            return try JSONValue(parsing: bytes)
        } catch {
            throw .notJSON
        }
    }

    private static func urlEncoded(_ bytes: ByteBuffer) throws(APIError) -> JSONValue {
        var object: JSONObject = [:]
        for (name, value) in Self.pairs(String(buffer: bytes)) {
            if name == "payload_json" { return try Self.json(ByteBuffer(string: value)) }
            object[name] = .string(value)
        }
        return .object(object)
    }

    /// `a=1&b=2`, percent-decoded, plus signs as spaces. At most 1000 pairs are read.
    static func pairs(_ text: String) -> [(name: String, value: String)] {
        text.split(separator: "&").prefix(1000).map { pair in
            let parts = pair.replacing("+", with: " ").split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = parts.map { String($0).removingPercentEncoding ?? String($0) }
            return (decoded.first ?? "", decoded.count > 1 ? decoded[1] : "")
        }
    }

    /// A parameter of a header's value, quoted or not: `form-data; name="files[0]"`.
    private static func parameter(_ name: String, of header: String) -> String? {
        for part in header.split(separator: ";").dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[0].trimmingCharacters(in: .whitespaces).lowercased() == name else { continue }
            return pair[1].trimmingCharacters(in: .whitespaces).trimmingCharacters(in: CharacterSet(charactersIn: "\""))
        }
        return nil
    }

    private mutating func readMultipart(_ buffer: ByteBuffer, boundary: String) throws(APIError) {
        guard (1...70).contains(boundary.utf8.count) else { throw Self.invalidMultipart }
        let data = Data(buffer.readableBytesView)
        let delimiter = Data("--\(boundary)".utf8)
        let separator = Data("\r\n\r\n".utf8)
        guard var start = data.range(of: delimiter)?.upperBound else { throw Self.invalidMultipart }
        var payload: JSONValue?
        var fields: JSONObject = [:]
        while true {
            if data[start...].starts(with: Data("--".utf8)) { break }
            guard let next = data.range(of: Data("\r\n".utf8) + delimiter, in: start..<data.endIndex),
                let headerEnd = data.range(of: separator, in: start..<next.lowerBound), self.files.count < 20
            else { throw Self.invalidMultipart }
            let headers = String(decoding: data[start..<headerEnd.lowerBound], as: UTF8.self)
            let content = data[headerEnd.upperBound..<next.lowerBound]
            start = next.upperBound
            try self.readPart(headers, content, &payload, &fields)
        }
        self.json = payload ?? .object(fields)
    }

    private mutating func readPart(
        _ headers: String, _ content: Data, _ payload: inout JSONValue?, _ fields: inout JSONObject
    ) throws(APIError) {
        var disposition = ""
        var type = "application/octet-stream"
        for line in headers.split(separator: "\r\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            switch parts[0].lowercased() {
            case "content-disposition": disposition = String(parts[1])
            case "content-type": type = parts[1].trimmingCharacters(in: .whitespaces)
            default: break
            }
        }
        guard let name = Self.parameter("name", of: disposition) else { throw Self.invalidMultipart }
        if let filename = Self.parameter("filename", of: disposition) {
            self.files.append(File(filename: filename, contentType: type, bytes: ByteBuffer(bytes: content)))
        } else if name == "payload_json" {
            payload = try Self.json(ByteBuffer(bytes: content))
        } else {
            fields[name] = .string(String(decoding: content, as: UTF8.self))
        }
    }
}
