import Discord

extension Routes {
    private static let path = "/channels/{channel}/messages/{message}/reactions"

    /// Adding, removing and clearing share one limit.
    private static func change(_ method: String, _ suffix: String, handler: @escaping Route.Handler) -> Route {
        Route(
            method, path + suffix, .limit(.init(requests: 10, window: .seconds(1))), sharing: "reactions",
            handler: handler)
    }

    static let reactions: [Route] = [
        change("PUT", "/{emoji}/@me") { request, service in
            let (place, emoji) = (try Place(request), try emoji(request))
            try await service.hub.change { world throws(APIError) in
                try world.addReaction(emoji, to: place.message, in: place.channel, by: place.caller)
            }
            return .noContent
        },
        change("DELETE", "/{emoji}/@me") { request, service in
            let (place, emoji) = (try Place(request), try emoji(request))
            try await service.hub.change { world throws(APIError) in
                try world.removeReaction(
                    emoji, of: place.caller, from: place.message, in: place.channel, by: place.caller)
            }
            return .noContent
        },
        change("DELETE", "/{emoji}/{user}") { request, service in
            let (place, emoji, user) = (try Place(request), try emoji(request), try request.id("user"))
            try await service.hub.change { world throws(APIError) in
                try world.removeReaction(emoji, of: user, from: place.message, in: place.channel, by: place.caller)
            }
            return .noContent
        },
        change("DELETE", "/{emoji}") { request, service in
            let (place, emoji) = (try Place(request), try emoji(request))
            try await service.hub.change { world throws(APIError) in
                try world.clearReactions(emoji, from: place.message, in: place.channel, by: place.caller)
            }
            return .noContent
        },
        change("DELETE", "") { request, service in
            let place = try Place(request)
            try await service.hub.change { world throws(APIError) in
                try world.clearReactions(nil, from: place.message, in: place.channel, by: place.caller)
            }
            return .noContent
        },
        Route("GET", path + "/{emoji}") { request, service in
            let (place, emoji) = (try Place(request), try emoji(request))
            let limit = try request.queryLimit(default: 25, in: 1...100)
            let after = try request.queryID("after") ?? 0
            return .json(
                try service.hub.read { world throws(APIError) in
                    let users = try world.reactors(emoji, of: place.message, in: place.channel, for: place.caller)
                    return .array(users.filter { $0 > after }.prefix(limit).map { world.userJSON($0) })
                })
        },
    ]

    private struct Place: Sendable {
        let caller: Snowflake
        let channel: Snowflake
        let message: Snowflake

        init(_ request: RESTRequest) throws(APIError) {
            self.caller = try request.requireCaller().id
            self.channel = try request.id("channel")
            self.message = try request.id("message")
        }
    }

    private static func emoji(_ request: RESTRequest) throws(APIError) -> Emoji {
        guard let emoji = Emoji(path: request.parameters["emoji"] ?? "") else { throw .unknownEmoji }
        return emoji
    }
}
