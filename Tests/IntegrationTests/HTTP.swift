import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

@testable import Sandbox

/// One HTTP answer, wholly read.
struct HTTPAnswer: CustomStringConvertible {
    let status: Int
    let headers: HTTPHeaders
    let body: ByteBuffer

    var text: String { String(buffer: self.body) }
    /// null where the body is no JSON.
    var json: JSONValue { (try? JSONValue(parsing: self.body)) ?? .null }
    var contentType: String? { self.headers.first(name: "content-type") }
    var description: String { "\(self.status) \(self.text.prefix(500))" }

    /// Whether this is an error after RFC 9457 with this status and code.
    func isProblem(_ status: Int, _ code: String) -> Bool {
        self.status == status && self.contentType == "application/problem+json" && self.json["code"] == .string(code)
            && self.json["status"] == .integer(status) && self.json["detail"]?.string?.isEmpty == false
    }
}

enum HTTP {
    /// - Parameters:
    ///   - authorization: the header's whole value.
    ///   - bytes: sent as `application/json`, whatever they are.
    static func call(
        _ method: String, _ url: String, authorization: String? = nil, _ body: JSONValue? = nil, bytes: ByteBuffer? = nil,
        within limit: TimeAmount = .seconds(10)
    ) async throws -> HTTPAnswer {
        var request = HTTPClientRequest(url: url)
        request.method = .RAW(value: method)
        if let authorization { request.headers.add(name: "authorization", value: authorization) }
        if let bytes = bytes ?? body?.encoded {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(bytes)
        }
        let response = try await HTTPClient.shared.execute(request, timeout: limit)
        return HTTPAnswer(
            status: Int(response.status.code), headers: response.headers, body: try await response.body.collect(upTo: 16 << 20))
    }

    static func get(_ url: String, authorization: String? = nil) async throws -> HTTPAnswer {
        try await self.call("GET", url, authorization: authorization)
    }
}
