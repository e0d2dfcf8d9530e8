import Discord

extension Routes {
    private static let accountLimit = Route.Bucket.limit(.init(requests: 20, window: .seconds(10)))

    /// People's accounts: the sandbox's own, as Discord's are not part of its API.
    static let accounts: [Route] = [
        Route("POST", "/auth/register", accountLimit, authorization: .none) { request, service in
            let body = request.form.json
            let login = try World.normalizedLogin(body["login"]?.string ?? "")
            let password = body["password"]?.string ?? ""
            guard (8...128).contains(password.count) else {
                throw APIError.form("password", code: "BASE_TYPE_BAD_LENGTH", "Must be between 8 and 128 in length.")
            }
            try service.hub.read { world throws(APIError) in try world.requireFree(login: login) }
            let hash = try await service.passwords.hash(password)
            let user = try await service.hub.change { world throws(APIError) in
                try world.register(login: login, password: hash)
            }
            return .json(try await newToken(of: user.id, service), status: 201)
        },
        Route("POST", "/auth/login", accountLimit, authorization: .none) { request, service in
            let login = (request.form.json["login"]?.string ?? "").lowercased()
            let password = request.form.json["password"]?.string ?? ""
            let account = service.hub.read { $0.accounts[login] }
            guard password.utf8.count <= 1024, let account,
                try await service.passwords.matches(password, account.password)
            else {
                throw APIError.form("login", code: "INVALID_LOGIN", "Login or password is invalid.")
            }
            return .json(try await newToken(of: account.userID, service))
        },
        Route("POST", "/auth/logout") { request, service in
            _ = try request.requirePerson()
            service.hub.logOut(token: request.authorization ?? "")
            try await service.hub.commit()
            return .noContent
        },
    ]

    private static func newToken(of user: Snowflake, _ service: RESTService) async throws -> JSONValue {
        let token = try Passwords.require(Token.random(for: user))
        try await service.hub.change { world in world.addCredential(token: token, user: user) }
        return ["token": .string(token), "user_id": .id(user)]
    }
}
