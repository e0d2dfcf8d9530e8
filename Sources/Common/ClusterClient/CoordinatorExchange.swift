import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Runtime

/// What a call asks, whichever coordinator takes it.
struct CoordinatorRequest: Sendable {
    let method: String
    let path: String
    let body: ByteBuffer?
    /// The same without leave to hold the answer, for when time was lost already; nil: as `body`.
    var bodyInHaste: ByteBuffer?
    /// How long the answer may be held.
    var hold: Duration = .zero

    /// It is worth nothing when it is answered too early.
    var lives: Bool { self.hold > .zero && self.bodyInHaste == nil }
}

struct CoordinatorAnswer: Sendable {
    let status: Int
    let location: String?
    let body: ByteBuffer
}

/// One HTTP request and its answer.
enum CoordinatorExchange {
    /// No answer of the coordinator comes near this size with 20,000 slots.
    private static let mostAnswerBytes = 32 << 20

    /// Lives as long as the process. It does not follow redirects, since whoever does sends the token on; and it tells
    /// at once that nobody listens, since another coordinator may.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(1)
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
    }()

    /// - Parameter isInHaste: the answer should not be held.
    static func run(
        _ asked: CoordinatorRequest, at url: CoordinatorURL, token: Secret, isInHaste: Bool, within limit: Duration
    ) async throws -> CoordinatorAnswer {
        var request = HTTPClientRequest(url: url.description + asked.path)
        request.method = .RAW(value: asked.method)
        request.headers.add(name: "authorization", value: "Bearer \(token.reveal())")
        request.headers.add(name: "accept", value: "application/json")
        if let body = isInHaste ? asked.bodyInHaste ?? asked.body : asked.body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(body)
        }
        let http = Self.http
        let sent = request
        // The client's own deadline ends with the answer's head.
        return try await withDeadline(limit) {
            let response = try await http.execute(sent, timeout: .seconds(60))
            return CoordinatorAnswer(
                status: Int(response.status.code), location: response.headers.first(name: "location"),
                body: try await response.body.collect(upTo: Self.mostAnswerBytes))
        }
    }
}
