import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Runtime

/// Between Hummingbird and the sandbox's own requests and responses.
struct HTTPAdapter: HTTPResponder {
    /// Knows the peer beside what every context knows.
    struct Context: RequestContext {
        var coreContext: CoreRequestContextStorage
        let peer: String
        let channel: any NIOCore.Channel

        init(source: ApplicationRequestContextSource) {
            self.coreContext = .init(source: source)
            self.channel = source.channel
            self.peer = source.channel.remoteAddress?.ipAddress ?? "unknown"
        }
    }

    /// Discord's: 25 MiB a request.
    static let maximumBodyBytes = 25 << 20

    let service: RESTService
    let files: StaticFiles
    let health: HealthState
    var isSecure = false

    func respond(to request: Request, context: Context) async throws -> Response {
        let response = await self.response(to: request, context)
        // A HEAD's answer has the headers of a GET's, its length too, and no body (RFC 9110, section 9.3.2).
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func response(to request: Request, _ context: Context) async -> Response {
        let path = request.uri.path
        if let rest = Self.apiPath(path) { return await self.respondToAPI(request, path: rest, context) }
        if path.hasPrefix(Self.controlPrefix + "/") {
            return await self.respondToControl(request, path: path.dropFirst(Self.controlPrefix.count), context)
        }
        switch path {
        case "/livez": return Self.response(to: self.health.liveness)
        case "/readyz": return Self.response(to: self.health.readiness)
        case "/metrics":
            var response = RESTResponse(status: 200)
            let text = self.service.hub.metrics.registry.prometheusText()
            response.file = ("text/plain; version=0.0.4; charset=utf-8", ByteBuffer(string: text))
            return Self.response(response)
        default: break
        }
        guard request.method == .get || request.method == .head else { return Self.response(.error(.methodNotAllowed)) }
        if path.hasPrefix("/attachments/"), let stored = self.service.attachments.file(at: path) {
            return Self.response(StaticFiles.attachment(stored))
        }
        let response = self.files.respond(to: path, ifNoneMatch: request.headers[.ifNoneMatch])
        return Self.response(response ?? .error(.notFound))
    }

    /// What follows `/api/v10`; v9 is the same. Others are no versions of the API; `/api/webhooks` needs none.
    private static func apiPath(_ path: String) -> Substring? {
        for prefix in ["/api/v10/", "/api/v9/"] where path.hasPrefix(prefix) { return path.dropFirst(prefix.count - 1) }
        return path.hasPrefix("/api/webhooks/") ? path.dropFirst("/api".count) : nil
    }

    private static let controlPrefix = "/sandbox/v1"

    private func respondToAPI(_ request: Request, path: Substring, _ context: Context) async -> Response {
        await self.read(request, context) { await self.service.respond(to: $0, path: path) }
    }

    private func respondToControl(_ request: Request, path: Substring, _ context: Context) async -> Response {
        await self.read(request, context) { await self.service.respondToControl($0, path: path) }
    }

    private func read(
        _ request: Request, _ context: Context, _ answer: (RESTRequest) async -> RESTResponse
    ) async -> Response {
        var rest = RESTRequest(method: request.method.rawValue, path: request.uri.path)
        rest.query = request.uri.query.map { RESTBody.pairs(String($0)) } ?? []
        rest.authorization = request.headers[.authorization]
        rest.contentType = request.headers[.contentType]
        rest.peer = context.peer
        rest.isSecure = self.isSecure
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > Self.maximumBodyBytes {
            return Self.tooLarge(context)
        }
        do {
            rest.body = try await request.body.collect(upTo: Self.maximumBodyBytes)
        } catch is NIOTooManyBytesError {
            return Self.tooLarge(context)
        } catch {
            return Self.response(.error(APIError(400, 0, "400: Bad Request")))
        }
        return Self.response(await answer(rest))
    }

    /// The rest of the body is thrown away, and the connection ends: at once for who reads on, and a little later for
    /// who goes on sending.
    private static func tooLarge(_ context: Context) -> Response {
        let body = APIError.tooLarge.json.encoded
        let channel = context.channel
        return Response(
            status: .contentTooLarge, headers: [.contentType: "application/json", .connection: "close"],
            body: ResponseBody(contentLength: body.readableBytes) { writer in
                try await writer.write(body)
                try await writer.finish(nil)
                channel.close(mode: .output, promise: nil)
                channel.eventLoop.scheduleTask(in: .seconds(1)) { channel.close(promise: nil) }
            })
    }

    private static func response(to report: HealthState.Report) -> Response {
        let text = report.isHealthy ? "ok\n" : report.failing.joined(separator: "\n") + "\n"
        return Response(
            status: report.isHealthy ? .ok : .serviceUnavailable, headers: [.contentType: "text/plain; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text)))
    }

    static func response(_ response: RESTResponse) -> Response {
        var headers = HTTPFields()
        for (name, value) in response.headers {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        var body = ResponseBody()
        if let json = response.body {
            // Exactly this: discord.py does not know the type with a charset.
            headers[.contentType] = "application/json"
            body = .init(byteBuffer: json.encoded)
        } else if let (type, bytes) = response.file {
            headers[.contentType] = type
            body = .init(byteBuffer: bytes)
        }
        return Response(status: .init(code: response.status), headers: headers, body: body)
    }
}
