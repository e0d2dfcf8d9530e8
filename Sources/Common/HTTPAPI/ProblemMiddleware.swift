package import ClusterAPI
import Foundation
package import Hummingbird
package import Logging
import NIOCore
import NIOFoundationCompat

/// Turns every error into a problem object; what is not a `Problem` or an HTTP error tells nothing of the inside.
package struct ProblemMiddleware<Context: RequestContext>: RouterMiddleware {
    private let logger: Logger

    package init(logger: Logger) { self.logger = logger }

    @concurrent
    package func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return Self.response(to: problem)
        } catch let error as any HTTPResponseError {
            let status = error.status.code
            let code: Problem.Code = status == 404 ? .notFound : status == 413 ? .payloadTooLarge : .badRequest
            return Self.response(
                to: Problem(code, status == 404 ? "nothing is at \(request.uri.path)" : "\(error.status.reasonPhrase)"))
        } catch {
            self.logger.error("request failed", metadata: ["http.path": "\(request.uri.path)", "error": "\(error)"])
            return Self.response(to: Problem(.unavailable, "a service that is needed is away; ask again"))
        }
    }

    package static func response(to problem: Problem) -> Response {
        // A problem is texts and a number: it can always be encoded.
        let body = (try? ClusterJSON.encoder().encode(problem)) ?? Data("{}".utf8)
        var headers: HTTPFields = [.contentType: Problem.contentType]
        if problem.status == 401 { headers[.wwwAuthenticate] = "Bearer" }
        if problem.status == 503 { headers[.retryAfter] = "1" }
        return Response(
            status: .init(code: problem.status), headers: headers, body: .init(byteBuffer: ByteBuffer(data: body)))
    }
}
