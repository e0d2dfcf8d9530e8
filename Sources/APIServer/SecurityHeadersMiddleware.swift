import HTTPTypes
import Hummingbird

/// Headers that keep a browser from doing more with an answer than it was made for, and the time it took.
struct SecurityHeadersMiddleware<Context: RequestContext>: RouterMiddleware {
    @concurrent
    func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response = try await next(request, context)
        response.headers[Self.name("Content-Security-Policy")] =
            "default-src 'self'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'"
        response.headers[Self.name("X-Content-Type-Options")] = "nosniff"
        response.headers[Self.name("Referrer-Policy")] = "no-referrer"
        response.headers[Self.name("X-Process-Time")] = "\(start.duration(to: .now) / .milliseconds(1)) ms"
        return response
    }

    private static func name(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("\(text) is not a header's name") }
        return name
    }
}
