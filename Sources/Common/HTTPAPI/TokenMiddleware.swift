import ClusterAPI
package import Hummingbird
package import Runtime

/// Lets only callers through who show one of a few bearer tokens.
package struct TokenMiddleware<Context: RequestContext>: RouterMiddleware {
    private let tokens: [Secret]

    package init(tokens: [Secret]) { self.tokens = tokens }

    @concurrent
    package func handle(
        _ request: Request,
        context: Context,
        next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        guard let header = request.headers[.authorization], header.lowercased().hasPrefix("bearer ") else {
            throw Problem(.unauthorized, "an authorization header with a bearer token is expected")
        }
        let shown = Secret(String(header.dropFirst("bearer ".count)))
        guard self.tokens.contains(where: { $0.matches(shown) }) else {
            throw Problem(.unauthorized, "the bearer token is not one that may do this")
        }
        return try await next(request, context)
    }
}
