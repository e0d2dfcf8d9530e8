import Discord
import Gateway
import NIOCore
import Runtime

extension Routes {
    /// Below `/sandbox/v1`: what the gateway holds, and its applications.
    static let gatewayControl: [Route] = [
        Route("GET", "/sessions", .exempt) { _, service in
            let list = service.hub.withState { state in
                state.sessions.all.sorted { $0.id < $1.id }.map { session in
                    json(session, connection: state.connections[session.id]?.id)
                }
            }
            return .json(["sessions": .array(list)])
        },
        Route("GET", "/connections", .exempt) { _, service in
            let list = service.hub.withState { $0.open.values.sorted { $0.id < $1.id } }.map { handler -> JSONValue in
                [
                    "conn": .integer(handler.id), "peer": .optional(handler.peer),
                    "session": .optional(handler.session),
                    "compression": .string(handler.connection.compression.rawValue),
                    "version": .integer(handler.terms.version), "tls": .bool(handler.terms.isSecure),
                    "held": .bool(handler.isHeld),
                ]
            }
            return .json(["connections": .array(list)])
        },
        Route("POST", "/applications", .exempt) { request, service in
            let form = try ApplicationForm(request.form.json)
            let (application, token) = try await service.hub.addApplication(form)
            return .json(
                [
                    "id": .id(application.id), "name": .string(application.name), "token": .string(token),
                    "allowed_intents": .integer(Int64(application.allowedIntents)),
                ], status: 201)
        },
        Route("PATCH", "/applications/{application}", .exempt) { request, service in
            let id = try request.id("application")
            let form = try ApplicationForm(request.form.json)
            let application = try await service.hub.editApplication(id, form)
            return .json([
                "id": .id(application.id), "name": .string(application.name),
                "allowed_intents": .integer(Int64(application.allowedIntents)),
            ])
        },
    ]

    private static func json(_ session: GatewaySession, connection: Int64?) -> JSONValue {
        var object: JSONObject = ["id": .string(session.id), "connected": .bool(connection != nil)]
        if let connection { object["conn"] = .integer(connection) }
        object[session.isBot ? "app" : "user"] = .id(session.userID)
        if let shard = session.shard {
            object["shard"] = [.integer(shard.id), .integer(shard.count)]
            object["intents"] = .integer(Int64(session.intents.rawValue))
        }
        object["last_s"] = .integer(session.lastSequence)
        if let acknowledged = session.acknowledged { object["acknowledged_s"] = .integer(acknowledged) }
        if let first = session.firstBuffered { object["first_buffered_s"] = .integer(first) }
        object["buffered"] = .integer(session.bufferedEvents)
        object["buffered_bytes"] = .integer(session.bufferedBytes)
        object["pending_guilds"] = .integer(session.pendingGuilds.count)
        return .object(object)
    }
}

/// What a control request says of an application. What it leaves out stays as it is, or has its default.
struct ApplicationForm: Sendable {
    let id: Snowflake?
    let name: String?
    let token: Secret?
    let allowedIntents: UInt64?

    init(_ json: JSONValue) throws(APIError) {
        if let id = json["id"] {
            guard let id = id.snowflake else { throw FaultForm.wrong("id", "an id") }
            self.id = id
        } else {
            self.id = nil
        }
        if let name = json["name"] {
            guard let name = name.string, (1...32).contains(name.count) else {
                throw FaultForm.wrong("name", "1 to 32 characters")
            }
            self.name = name
        } else {
            self.name = nil
        }
        self.token = try json["token"].map { (json) throws(APIError) in
            Secret(try FaultForm.token(json, path: "token"))
        }
        if let intents = json["allowed_intents"] {
            guard let bits = intents.integer.flatMap({ UInt64(exactly: $0) }),
                Intents(rawValue: bits).isSubset(of: .documented)
            else { throw FaultForm.wrong("allowed_intents", "a sum of documented intents") }
            self.allowedIntents = bits
        } else {
            self.allowedIntents = nil
        }
    }
}

extension Hub {
    /// Makes an application with a bot that is in no guild yet.
    ///
    /// - Returns: it, and its token.
    func addApplication(_ form: ApplicationForm) async throws -> (SandboxApplication, String) {
        try await self.change { world throws(APIError) in
            let id = form.id ?? world.nextID()
            guard world.users[id] == nil else { throw FaultForm.wrong("id", "an id that nobody has") }
            let token = form.token?.reveal() ?? Token.random(for: id)
            guard let token else { throw .internalError }
            let application = SandboxApplication(
                id: id, name: form.name ?? "Application", description: "", ownerID: id,
                allowedIntents: form.allowedIntents ?? Intents.documented.rawValue)
            world.addApplication(application)
            world.addCredential(token: token, user: id)
            return (application, token)
        }
    }

    /// Changes an application as its owner does in Discord's portal: a new token ends all sessions with 4004, a
    /// privileged intent that is switched off those that have it with 4003.
    func editApplication(_ id: Snowflake, _ form: ApplicationForm) async throws -> SandboxApplication {
        let application = self.withState { state -> SandboxApplication? in
            guard var application = state.world.applications[id] else { return nil }
            if let name = form.name { application.name = name }
            if let intents = form.allowedIntents { application.allowedIntents = intents }
            state.world.applications[id] = application
            state.world.record(.application(application))
            let disallowed = Intents.privileged.subtracting(Intents(rawValue: application.allowedIntents))
            let code = GatewayCloseCode.notAuthenticated
            for session in state.sessions.sessions(of: id).sorted()
            where !(state.sessions[session]?.intents.isDisjoint(with: disallowed) ?? true) {
                self.endSession(session, .closed(code.rawValue), &state)?.close(code, code.description)
            }
            if let token = form.token { self.resetToken(of: id, to: token, reason: "control", &state) }
            return application
        }
        guard let application else { throw APIError.unknownApplication }
        try await self.commit()
        return application
    }
}
