import Discord

extension Routes {
    /// Application commands, once for each scope: global and guild.
    static let commands: [Route] =
        commandRoutes(scope: "/applications/{application}")
        + commandRoutes(scope: "/applications/{application}/guilds/{guild}")
        + [
            Route("GET", "/guilds/{guild}/application-command-index") { request, service in
                let caller = try request.requireCaller()
                let guild = try request.id("guild")
                return .json(
                    try service.hub.read { world throws(APIError) in try world.commandIndex(of: guild, for: caller.id) }
                )
            }
        ]

    /// Who calls, for which scope; `nil` is the global one.
    private struct Scope: Sendable {
        let application: Snowflake
        let guild: Snowflake?
        let caller: Snowflake

        init(_ request: RESTRequest) throws(APIError) {
            self.caller = try request.requireCaller().id
            self.application = try request.id("application")
            self.guild = request.parameters["guild"] == nil ? nil : try request.id("guild")
        }

        func check(_ world: World) throws(APIError) {
            try world.checkScope(of: self.application, self.guild, by: self.caller)
        }
    }

    private static func commandRoutes(scope path: String) -> [Route] {
        [
            Route("GET", "\(path)/commands") { request, service in
                let scope = try Scope(request)
                let withLocalizations = request.queryFlag("with_localizations")
                return .json(
                    try service.hub.read { world throws(APIError) in
                        try scope.check(world)
                        let commands = world.commands(of: scope.application, in: scope.guild)
                        return .array(commands.map { $0.json(withLocalizations: withLocalizations) })
                    })
            },
            Route("POST", "\(path)/commands") { request, service in
                let scope = try Scope(request)
                let form = try CommandForm(request.form.json)
                let (command, isNew) = try await service.hub.change { world throws(APIError) in
                    try scope.check(world)
                    return try world.upsertCommand(form, of: scope.application, in: scope.guild)
                }
                return .json(command.json(withLocalizations: true), status: isNew ? 201 : 200)
            },
            Route("PUT", "\(path)/commands") { request, service in
                let scope = try Scope(request)
                let body = request.form.json
                return .json(
                    try await service.hub.change { world throws(APIError) in
                        try scope.check(world)
                        let commands = try world.overwriteCommands(body, of: scope.application, in: scope.guild)
                        return .array(commands.map { $0.json(withLocalizations: true) })
                    })
            },
            Route("GET", "\(path)/commands/{command}") { request, service in
                let scope = try Scope(request)
                let id = try request.id("command")
                return .json(
                    try service.hub.read { world throws(APIError) in
                        try scope.check(world)
                        return try world.command(id, of: scope.application, in: scope.guild).json(
                            withLocalizations: true)
                    })
            },
            Route("PATCH", "\(path)/commands/{command}") { request, service in
                let scope = try Scope(request)
                let id = try request.id("command")
                let body = request.form.json
                return .json(
                    try await service.hub.change { world throws(APIError) in
                        try scope.check(world)
                        let command = try world.command(id, of: scope.application, in: scope.guild)
                        return try world.editCommand(command, body).json(withLocalizations: true)
                    })
            },
            Route("DELETE", "\(path)/commands/{command}") { request, service in
                let scope = try Scope(request)
                let id = try request.id("command")
                try await service.hub.change { world throws(APIError) in
                    try scope.check(world)
                    world.deleteCommand(try world.command(id, of: scope.application, in: scope.guild))
                }
                return .noContent
            },
        ]
    }
}
