import Discord

extension Routes {
    /// Below `/sandbox/v1`: the world as a model to compare caches with, and its traffic.
    static let worldControl: [Route] = [
        Route("GET", "/model/guilds", .exempt) { request, service in
            let application = try request.queryID("application") ?? SandboxSettings.applicationID
            let after = try request.queryID("after")
            let limit = try request.queryLimit(default: 1000, in: 1...10_000)
            return .json(
                try service.hub.read { world throws(APIError) in
                    guard world.applications[application] != nil else { throw .unknownApplication }
                    return world.modelGuilds(of: application, after: after, limit: limit)
                })
        },
        Route("GET", "/model/guilds/{guild}", .exempt) { request, service in
            let application = try request.queryID("application") ?? SandboxSettings.applicationID
            let id = try request.id("guild")
            let threshold = try request.queryLimit("large_threshold", default: 50, in: 50...250)
            return .json(
                try service.hub.read { world throws(APIError) in
                    let guild = try Self.guild(id, of: application, world)
                    return world.modelGuild(guild, for: application, largeThreshold: threshold)
                })
        },
        Route("GET", "/model/guilds/{guild}/members", .exempt) { request, service in
            let application = try request.queryID("application") ?? SandboxSettings.applicationID
            let id = try request.id("guild")
            let after = try request.queryID("after")
            let limit = try request.queryLimit(default: 1000, in: 1...10_000)
            let ids = try request.queryValue("ids").map { try Self.ids($0) }
            return .json(
                try service.hub.read { world throws(APIError) in
                    let guild = try Self.guild(id, of: application, world)
                    return world.modelMembers(of: guild, ids: ids, after: after, limit: limit)
                })
        },
        Route("GET", "/traffic", .exempt) { _, service in .json(Self.json(service.traffic?.current)) },
        Route("POST", "/traffic", .exempt) { request, service in
            guard let traffic = service.traffic else {
                throw APIError.form(
                    "eventsPerSecond", code: "SANDBOX_NO_WORLD",
                    "There is no generated world: start the sandbox with FLOTILLA_SANDBOX_WORLD.")
            }
            return .json(Self.json(traffic.setRate(try Self.rate(request.form.json))))
        },
    ]

    private static func guild(_ id: Snowflake, of application: Snowflake, _ world: World) throws(APIError) -> Guild {
        guard world.applications[application] != nil else { throw .unknownApplication }
        guard let guild = world.guilds[id], guild.members.contains(application) else { throw .unknownGuild }
        return guild
    }

    private static func ids(_ text: String) throws(APIError) -> [Snowflake] {
        let parts = text.split(separator: ",")
        let ids = parts.compactMap { Snowflake($0) }
        guard ids.count == parts.count, (1...1000).contains(ids.count) else {
            throw .form("ids", code: "NUMBER_TYPE_COERCE", "Must be 1 to 1000 snowflakes with commas between.")
        }
        return ids
    }

    private static func rate(_ body: JSONValue) throws(APIError) -> Int {
        for member in body.object?.members ?? [] where !["eventsPerSecond", "stop"].contains(member.key) {
            throw .form(
                String(member.key.prefix(40)), code: "SANDBOX_UNKNOWN_KEY", "Must be eventsPerSecond or stop.")
        }
        if body["stop"]?.bool == true {
            guard body["eventsPerSecond"] == nil else {
                throw .form("eventsPerSecond", code: "SANDBOX_CONFLICT", "Must not be given together with stop.")
            }
            return 0
        }
        guard body["stop"] == nil, let rate = body["eventsPerSecond"]?.integer,
            (0...Int64(SandboxSettings.mostTraffic)).contains(rate)
        else {
            throw .form(
                "eventsPerSecond", code: "NUMBER_TYPE_RANGE",
                "Must be a whole number from 0 to \(SandboxSettings.mostTraffic), or {\"stop\":true}.")
        }
        return Int(rate)
    }

    private static func json(_ status: TrafficRunner.Status?) -> JSONValue {
        ["eventsPerSecond": .integer(status?.eventsPerSecond ?? 0), "generated": .integer(status?.generated ?? 0)]
    }
}
