import Discord

extension Routes {
    static let webhooks: [Route] = [
        Route("POST", "/channels/{channel}/webhooks") { request, service in
            let caller = try request.requireCaller()
            let channel = try request.id("channel")
            let body = request.form.json
            let token = try Passwords.require(Token.opaque())
            return .json(
                try await service.hub.change { world throws(APIError) in
                    let webhook = try world.createWebhook(body, in: channel, by: caller.id, token: token)
                    return webhook.json(creator: caller, baseURL: world.settings.baseURL)
                })
        },
        Route("GET", "/channels/{channel}/webhooks") { request, service in
            let caller = try request.requireCaller()
            let channel = try request.id("channel")
            return .json(
                try service.hub.read { world throws(APIError) in
                    .array(try world.webhooks(in: channel, for: caller.id).map { json($0, world) })
                })
        },
        Route("GET", "/guilds/{guild}/webhooks") { request, service in
            let caller = try request.requireCaller()
            let guild = try request.id("guild")
            return .json(
                try service.hub.read { world throws(APIError) in
                    .array(try world.webhooks(inGuild: guild, for: caller.id).map { json($0, world) })
                })
        },
        Route("GET", "/webhooks/{webhook}") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("webhook")
            return .json(
                try service.hub.read { world throws(APIError) in
                    json(try world.webhook(id, managedBy: caller.id), world)
                })
        },
        Route("PATCH", "/webhooks/{webhook}") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("webhook")
            let body = request.form.json
            return .json(
                try await service.hub.change { world throws(APIError) in
                    let webhook = try world.webhook(id, managedBy: caller.id)
                    return json(try world.editWebhook(webhook, body, by: caller.id), world)
                })
        },
        Route("DELETE", "/webhooks/{webhook}") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("webhook")
            try await service.hub.change { world throws(APIError) in
                world.deleteWebhook(try world.webhook(id, managedBy: caller.id))
            }
            return .noContent
        },
        Route("GET", "/webhooks/{webhook}/{token}", authorization: .none) { request, service in
            let (id, token) = (try request.id("webhook"), request.parameters["token"] ?? "")
            return .json(
                try service.hub.read { world throws(APIError) in
                    try world.webhook(id, token: token).json(creator: nil, baseURL: world.settings.baseURL)
                })
        },
        Route("PATCH", "/webhooks/{webhook}/{token}", authorization: .none) { request, service in
            let (id, token) = (try request.id("webhook"), request.parameters["token"] ?? "")
            let body = request.form.json
            return .json(
                try await service.hub.change { world throws(APIError) in
                    let webhook = try world.editWebhook(try world.webhook(id, token: token), body, by: nil)
                    return webhook.json(creator: nil, baseURL: world.settings.baseURL)
                })
        },
        Route("DELETE", "/webhooks/{webhook}/{token}", authorization: .none) { request, service in
            let (id, token) = (try request.id("webhook"), request.parameters["token"] ?? "")
            try await service.hub.change { world throws(APIError) in
                world.deleteWebhook(try world.webhook(id, token: token))
            }
            return .noContent
        },
    ]

    private static func json(_ webhook: Webhook, _ world: World) -> JSONValue {
        webhook.json(creator: world.users[webhook.creatorID], baseURL: world.settings.baseURL)
    }
}
