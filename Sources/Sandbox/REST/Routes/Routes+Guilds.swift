import Discord

extension Routes {
    static let guilds: [Route] = [
        Route("POST", "/guilds") { request, service in
            let person = try request.requirePerson()
            let name = try World.guildName(request.form.json["name"]?.string)
            return .json(
                try await service.hub.change { world in
                    let guild = world.createGuild(name: name, owner: person.id, channels: ["general"])
                    return world.guildObject(guild)
                }, status: 201)
        },
        Route("GET", "/guilds/{guild}") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("guild")
            let withCounts = request.queryFlag("with_counts")
            return .json(
                try service.hub.read { world throws(APIError) in
                    let guild = try world.guild(id, seenBy: caller.id)
                    return world.guildObject(guild, withCounts: withCounts)
                })
        },
        Route("GET", "/guilds/{guild}/channels") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("guild")
            return .json(
                try service.hub.read { world throws(APIError) in
                    let channels = world.channels(of: try world.guild(id, seenBy: caller.id))
                    let visible = channels.filter {
                        caller.isBot || world.permissions(of: caller.id, in: $0).contains(.viewChannel)
                    }
                    return .array(visible.map { $0.json() })
                })
        },
        Route("POST", "/guilds/{guild}/channels") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("guild")
            let body = request.form.json
            return .json(
                try await service.hub.change { world throws(APIError) in
                    try world.createChannel(body, in: id, by: caller.id).json()
                }, status: 201)
        },
        Route("GET", "/guilds/{guild}/roles") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("guild")
            return .json(
                try service.hub.read { world throws(APIError) in
                    let guild = try world.guild(id, seenBy: caller.id)
                    let roles = guild.roles.values.sorted { ($0.position, $0.id) < ($1.position, $1.id) }
                    return .array(roles.map(\.json))
                })
        },
        Route("GET", "/guilds/{guild}/members") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("guild")
            let limit = try request.queryLimit(default: caller.isBot ? 1 : 1000, in: 1...1000)
            let after = try request.queryID("after") ?? 0
            return .json(
                try service.hub.read { world throws(APIError) in
                    let guild = try world.guild(id, seenBy: caller.id)
                    if let application = world.applications[caller.id],
                        !Intents(rawValue: application.allowedIntents).contains(.guildMembers)
                    {
                        throw .missingAccess
                    }
                    let members = guild.members.values.filter { $0.userID > after }.sorted { $0.userID < $1.userID }
                    return .array(
                        members.prefix(limit).compactMap { member in
                            world.users[member.userID].map { member.json(user: $0) }
                        })
                })
        },
        Route("GET", "/guilds/{guild}/members/search") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("guild")
            let limit = try request.queryLimit(default: 1, in: 1...1000)
            let query = (request.queryValue("query") ?? "").lowercased()
            return .json(
                try service.hub.read { world throws(APIError) in
                    let guild = try world.guild(id, seenBy: caller.id)
                    let found = guild.members.values.sorted { $0.userID < $1.userID }.compactMap {
                        member -> JSONValue? in
                        guard let user = world.users[member.userID],
                            [member.nick, user.username, user.globalName].contains(where: {
                                $0?.lowercased().hasPrefix(query) ?? false
                            })
                        else { return nil }
                        return member.json(user: user)
                    }
                    return .array(Array(found.prefix(limit)))
                })
        },
        Route("GET", "/guilds/{guild}/members/{user}") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("guild")
            let user = try memberID(request)
            return .json(
                try service.hub.read { world throws(APIError) in
                    let guild = try world.guild(id, seenBy: caller.id)
                    guard let member = guild.members[user], let who = world.users[user] else { throw .unknownMember }
                    return member.json(user: who)
                })
        },
        Route("PUT", "/guilds/{guild}/members/{user}") { request, service in
            let person = try request.requirePerson()
            let id = try request.id("guild")
            guard try memberID(request) == person.id else { throw APIError.missingPermissions }
            let (isNew, json) = try await service.hub.change { world throws(APIError) in
                guard let guild = world.guilds[id] else { throw .unknownGuild }
                let isNew = guild.members[person.id] == nil
                world.join(guild: id, user: person.id)
                guard let member = world.guilds[id]?.members[person.id] else { throw .unknownMember }
                return (isNew, member.json(user: person))
            }
            return isNew ? .json(json, status: 201) : .noContent
        },
        Route("PATCH", "/guilds/{guild}/members/{user}") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("guild")
            let user = try memberID(request)
            let body = request.form.json
            return .json(
                try await service.hub.change { world throws(APIError) in
                    let member = try world.editMember(body, guild: id, member: user, by: caller.id)
                    guard let who = world.users[user] else { throw .unknownMember }
                    return member.json(user: who)
                })
        },
    ]

    /// `@me` stands for the caller.
    private static func memberID(_ request: RESTRequest) throws(APIError) -> Snowflake {
        request.parameters["user"] == "@me" ? try request.requireCaller().id : try request.id("user")
    }
}
