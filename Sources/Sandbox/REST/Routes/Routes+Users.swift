import Discord

extension Routes {
    static let users: [Route] = [
        Route("GET", "/gateway", .globalOnly, authorization: .none) { request, service in
            .json(["url": .string(service.hub.gatewayURL(isSecure: request.isSecure))])
        },
        Route("GET", "/gateway/bot", .limit(.init(requests: 10, window: .seconds(5)))) { request, service in
            let bot = try request.requireBot()
            let limit = service.hub.startLimit(of: bot.id)
            let settings = service.hub.settings
            let guilds = service.hub.read { $0.guilds.ids(of: bot.id).count }
            let needed = (guilds + settings.maxGuildsPerSession - 1) / max(settings.maxGuildsPerSession, 1)
            return .json([
                "url": .string(service.hub.gatewayURL(isSecure: request.isSecure)),
                "shards": .integer(max(settings.recommendedShards, needed, 1)),
                "session_start_limit": [
                    "total": .integer(limit.total), "remaining": .integer(limit.remaining),
                    "reset_after": .integer(Int64(limit.resetAfter / .milliseconds(1))),
                    "max_concurrency": .integer(settings.maxConcurrency),
                ],
            ])
        },
        Route("GET", "/users/@me") { request, _ in .json(try request.requireCaller().ownJSON) },
        Route("GET", "/users/{user}") { request, service in
            let id = try request.id("user")
            return .json(
                try service.hub.read { world throws(APIError) in
                    guard let user = world.users[id] else { throw .unknownUser }
                    return user.json
                })
        },
        Route("PATCH", "/users/@me") { request, service in
            let caller = try request.requireCaller()
            let body = request.form.json
            return .json(
                try await service.hub.change { world throws(APIError) in
                    var user = world.users[caller.id] ?? caller
                    if let name = body["global_name"] { user.globalName = name.string.map { String($0.prefix(32)) } }
                    world.users[user.id] = user
                    world.record(.user(user))
                    world.emit(.userUpdate, to: .users([user.id]), guild: nil, user.ownJSON)
                    return user.ownJSON
                })
        },
        Route("GET", "/users/@me/guilds") { request, service in
            let caller = try request.requireCaller()
            let limit = try request.queryLimit(default: 200, in: 1...200)
            let after = try request.queryID("after")
            let before = try request.queryID("before")
            let withCounts = request.queryFlag("with_counts")
            return .json(
                service.hub.read { world in
                    var ids = world.guilds.ids(of: caller.id)
                    if let after { ids = ids.filter { $0 > after } }
                    if let before { ids = Array(ids.filter { $0 < before }.suffix(limit)) }
                    return .array(
                        ids.prefix(limit).compactMap { world.guilds[$0] }.map { guild in
                            var object: JSONObject = [
                                "id": .id(guild.id), "name": .string(guild.name), "icon": .optional(guild.icon),
                                "banner": .null, "owner": .bool(guild.ownerID == caller.id),
                                "permissions": .permissions(world.permissions(of: caller.id, in: guild)),
                                "features": [],
                            ]
                            if withCounts {
                                object["approximate_member_count"] = .integer(guild.members.count)
                                object["approximate_presence_count"] = .integer(guild.members.count)
                            }
                            return .object(object)
                        })
                })
        },
        Route("POST", "/users/@me/channels") { request, service in
            let caller = try request.requireCaller()
            guard let recipient = request.form.json["recipient_id"]?.snowflake else {
                throw APIError.form("recipient_id", code: "BASE_TYPE_REQUIRED", "This field is required")
            }
            return .json(
                try await service.hub.change { world throws(APIError) in
                    let channel = try world.openDirectChannel(from: caller.id, to: recipient)
                    return world.channelJSON(channel, for: caller.id)
                })
        },
        Route("GET", "/soundboard-default-sounds") { _, _ in .json([]) },
        Route("GET", "/sticker-packs") { _, _ in .json(["sticker_packs": []]) },
        Route("GET", "/voice/regions") { _, _ in
            .json([["id": "sandbox", "name": "Sandbox", "optimal": true, "deprecated": false, "custom": false]])
        },
    ]

    static let applications: [Route] = ["/applications/@me", "/oauth2/applications/@me"].map { template in
        Route("GET", template) { request, service in
            let bot = try request.requireBot()
            return .json(
                try service.hub.read { world throws(APIError) in
                    guard let application = world.applications[bot.id] else { throw .unknownApplication }
                    return application.json(
                        bot: bot, owner: world.users[application.ownerID], guilds: world.guilds.ids(of: bot.id).count)
                })
        }
    }
}
