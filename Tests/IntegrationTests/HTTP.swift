import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

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
        _ method: String, _ url: String, authorization: String? = nil, _ body: JSONValue? = nil,
        bytes: ByteBuffer? = nil,
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
            status: Int(response.status.code), headers: response.headers,
            body: try await response.body.collect(upTo: 16 << 20))
    }

    static func get(_ url: String, authorization: String? = nil) async throws -> HTTPAnswer {
        try await self.call("GET", url, authorization: authorization)
    }
}

/// HTTP as bytes, for what no client would send.
enum RawHTTP {
    /// Sends `request` and returns the first answer, or what came until the peer closed or said nothing for so long.
    static func exchange(
        _ request: String, port: Int, silence limit: TimeAmount = .seconds(3)
    ) async throws -> String {
        let answer = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: String.self)
        let channel = try await ClientBootstrap(group: answer.futureResult.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(IdleStateHandler(readTimeout: limit))
                    try channel.pipeline.syncOperations.addHandler(Collector(answer))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        // The peer may close before it has read all.
        channel.writeAndFlush(ByteBuffer(string: request), promise: nil)
        return try await answer.futureResult.get()
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let answer: EventLoopPromise<String>
        private var bytes = ByteBuffer()

        init(_ answer: EventLoopPromise<String>) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var part = self.unwrapInboundIn(data)
            self.bytes.writeBuffer(&part)
            if Self.isWhole(String(buffer: self.bytes)) { context.close(promise: nil) }
        }

        private static func isWhole(_ answer: String) -> Bool {
            guard let end = answer.firstRange(of: "\r\n\r\n"),
                let length = answer[..<end.lowerBound].firstMatch(of: /content-length: ([0-9]+)/.ignoresCase()).flatMap(
                    { Int($0.1) })
            else { return false }
            return answer[end.upperBound...].utf8.count >= length
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
        func channelInactive(context: ChannelHandlerContext) { self.answer.succeed(String(buffer: self.bytes)) }
    }
}
