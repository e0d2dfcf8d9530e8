import Discord
import Logging
import NIOCore
import Runtime
import Synchronization

/// Answers the REST API: finds the route, knows the caller, holds the limits, runs the route, tells the ledger.
final class RESTService: Sendable {
    let hub: Hub
    let passwords: Passwords
    let attachments: AttachmentStore
    let faults: FaultRunner
    /// `nil` without a generated world.
    let traffic: TrafficRunner?
    private let routes: RouteTable
    private let controlRoutes: RouteTable
    /// `nil`: there are no control routes.
    private let controlToken: Secret?
    private let limiter: Mutex<RateLimiter>
    private let logger: Logger

    init(
        hub: Hub, limits: SandboxRateLimits, passwords: Passwords, faults: FaultRunner,
        traffic: TrafficRunner? = nil, controlToken: Secret?, logger: Logger
    ) {
        self.hub = hub
        self.faults = faults
        self.traffic = traffic
        self.controlToken = controlToken
        self.controlRoutes = RouteTable(Routes.faults + Routes.gatewayControl + Routes.worldControl)
        self.passwords = passwords
        self.attachments = AttachmentStore()
        self.limiter = Mutex(RateLimiter(limits: limits))
        self.logger = logger
        self.routes = RouteTable(
            Routes.accounts + Routes.users + Routes.applications + Routes.commands + Routes.guilds + Routes.channels
                + Routes.messages + Routes.reactions + Routes.webhooks + Routes.interactions)
    }

    /// - Parameter path: after `/api/v10`.
    func respond(to request: RESTRequest, path: Substring) async -> RESTResponse {
        let started = self.hub.clock.instant()
        var template: String?
        var caller: User?
        var response: RESTResponse
        do {
            response = try await self.route(request, path: path, template: &template, caller: &caller)
        } catch let error as APIError {
            response = .error(error)
        } catch {
            self.logger.error("request failed", metadata: ["http.route": "\(template ?? "none")", "error": "\(error)"])
            response = .error(.internalError)
        }
        self.hub.metrics.countRequest(status: response.status)
        self.hub.ledger?.record(
            .rest(
                LedgerEntry.Call(
                    method: request.method, path: Self.told(request, path: path, template: template), route: template,
                    status: response.status, bot: caller.flatMap { $0.isBot ? $0.id : nil },
                    user: caller.flatMap { $0.isBot ? nil : $0.id },
                    milliseconds: (self.hub.clock.instant() - started) / .milliseconds(1))))
        return response
    }

    /// The path as the ledger has it. Paths of webhooks and interactions hold their secrets: the template stands for
    /// those, and what is no route's path is not told, since it might hold anything.
    private static func told(_ request: RESTRequest, path: Substring, template: String?) -> String {
        let prefix = request.path.dropLast(path.count)
        guard let template = template?.split(separator: " ").last else { return prefix + "/…" }
        let parts = zip(path.split(separator: "/"), template.split(separator: "/")).map { part, name in
            ["{token}", "{secret}"].contains(name) ? name : part
        }
        return prefix + "/" + parts.joined(separator: "/")
    }

    /// The sandbox's own routes below `/sandbox/v1`, for who has the control token.
    func respondToControl(_ request: RESTRequest, path: Substring) async -> RESTResponse {
        guard let controlToken else { return .error(.notFound) }
        let shown = request.authorization.flatMap { $0.hasPrefix("Bearer ") ? Secret(String($0.dropFirst(7))) : nil }
        guard let shown, shown.matches(controlToken) else { return .error(.unauthorized) }
        do {
            var request = request
            switch self.controlRoutes.match(method: request.method, path: path) {
            case .unknownPath: throw APIError.notFound
            case .wrongMethod: throw APIError.methodNotAllowed
            case .found(let route, let parameters):
                request.parameters = parameters
                request.form = try RESTBody(request.body, contentType: request.contentType)
                return try await route.handler(request, self)
            }
        } catch let error as APIError {
            return .error(error)
        } catch {
            self.logger.error("control request failed", metadata: ["error": "\(error)"])
            return .error(.internalError)
        }
    }

    private func route(
        _ request: RESTRequest, path: Substring, template: inout String?, caller: inout User?
    ) async throws -> RESTResponse {
        let route: Route
        var request = request
        switch self.routes.match(method: request.method, path: path) {
        case .unknownPath: throw APIError.notFound
        case .wrongMethod: throw APIError.methodNotAllowed
        case .found(let found, let parameters):
            route = found
            request.parameters = parameters
        }
        template = "\(route.method) \(route.template)"
        caller = try self.caller(of: request, needed: route.authorization == .required)
        request.caller = caller
        let headers: [(name: String, value: String)]
        switch self.admit(request, route) {
        case .refused(let response): return response
        case .admitted(let told): headers = told
        }
        var response: RESTResponse
        do {
            request.form = try RESTBody(request.body, contentType: request.contentType)
            response = try await route.handler(request, self)
        } catch let error as APIError {
            response = .error(error)
        }
        response.headers += headers
        return response
    }

    /// Who holds the token: `Bot <token>` for bots, the bare token for people. A route that needs none takes a wrong
    /// one too.
    private func caller(of request: RESTRequest, needed: Bool) throws(APIError) -> User? {
        guard let authorization = request.authorization else {
            if needed { throw .unauthorized }
            return nil
        }
        let isBot = authorization.hasPrefix("Bot ")
        let token = isBot ? String(authorization.dropFirst(4)) : authorization
        let user = self.hub.read { $0.user(token: token) }
        guard let user, user.isBot == isBot else {
            if needed { throw .unauthorized }
            return nil
        }
        return user
    }

    // MARK: Limits

    private enum Admission {
        case admitted(headers: [(name: String, value: String)])
        case refused(RESTResponse)
    }

    private func admit(_ request: RESTRequest, _ route: Route) -> Admission {
        let caller = request.caller?.id.description ?? request.peer
        let major = route.major(request.parameters)
        let key = RateLimiter.Key(caller: caller, bucket: route.bucketName, major: major)
        let now = self.hub.clock.instant()
        let verdict: RateLimiter.Verdict
        switch route.bucket {
        case .exempt: return .admitted(headers: [])
        case .globalOnly:
            verdict = self.limiter.withLock { $0.admit(key, nil, countsGlobally: true, now: now) }
        case .limit(let limit, let countsGlobally):
            verdict = self.limiter.withLock { $0.admit(key, limit, countsGlobally: countsGlobally, now: now) }
        case .webhook:
            // A webhook's limits are its own, whoever holds its token.
            let own = RateLimiter.Key(caller: "", bucket: route.bucketName, major: major)
            let channel = request.parameters["webhook"].flatMap { Snowflake($0) }
                .flatMap { id in self.hub.read { $0.webhooks[id]?.channelID } }
            let hidden = channel.map { channel in
                (
                    key: RateLimiter.Key(caller: "", bucket: "webhook channel", major: channel.description),
                    limit: Limit(requests: 30, window: .seconds(60))
                )
            }
            verdict = self.limiter.withLock {
                $0.admit(own, Limit(requests: 5, window: .seconds(2)), hidden: hidden, countsGlobally: false, now: now)
            }
        }
        switch verdict {
        case .allowed(let usage): return .admitted(headers: usage.map { self.headers($0, route.bucketName) } ?? [])
        case .limited(let usage, let wait, let isShared):
            let headers = self.headers(usage, route.bucketName) + [("X-RateLimit-Scope", isShared ? "shared" : "user")]
            return .refused(self.limited(wait, isGlobal: false, headers: headers))
        case .globallyLimited(let wait):
            return .refused(
                self.limited(
                    wait, isGlobal: true, headers: [("X-RateLimit-Global", "true"), ("X-RateLimit-Scope", "global")]))
        }
    }

    private func headers(_ usage: RateLimiter.Usage, _ bucket: String) -> [(name: String, value: String)] {
        let after = usage.resetAfter / .seconds(1)
        return [
            ("X-RateLimit-Limit", String(usage.limit)),
            ("X-RateLimit-Remaining", String(usage.remaining)),
            ("X-RateLimit-Reset", RateLimiter.seconds(Double(self.hub.clock.wall().milliseconds) / 1000 + after)),
            ("X-RateLimit-Reset-After", RateLimiter.seconds(after)),
            ("X-RateLimit-Bucket", String(SHA256.hexadecimal(bucket).prefix(32))),
        ]
    }

    private func limited(_ wait: Duration, isGlobal: Bool, headers: [(name: String, value: String)]) -> RESTResponse {
        let seconds = wait / .seconds(1)
        var response = RESTResponse.json(
            [
                "message": "You are being rate limited.", "retry_after": .number(RateLimiter.seconds(seconds)),
                "global": .bool(isGlobal),
            ], status: 429)
        response.headers = headers + [("Retry-After", String(Int(seconds.rounded(.up))))]
        return response
    }
}
