import Discord

extension Routes {
    static let channels: [Route] = [
        Route("GET", "/channels/{channel}") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("channel")
            return .json(
                try service.hub.read { world throws(APIError) in
                    world.channelJSON(try world.channel(id, for: caller.id), for: caller.id)
                })
        },
        Route("PATCH", "/channels/{channel}") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("channel")
            let body = request.form.json
            return .json(
                try await service.hub.change { world throws(APIError) in
                    try world.editChannel(body, id, by: caller.id).json()
                })
        },
        Route("DELETE", "/channels/{channel}") { request, service in
            let caller = try request.requireCaller()
            let id = try request.id("channel")
            return .json(
                try await service.hub.change { world throws(APIError) in
                    world.channelJSON(try world.deleteChannel(id, by: caller.id), for: caller.id)
                })
        },
        Route("POST", "/channels/{channel}/typing", .limit(.init(requests: 5, window: .seconds(5)))) {
            request, service in
            let caller = try request.requireCaller()
            let id = try request.id("channel")
            try await service.hub.change { world throws(APIError) in try world.startTyping(in: id, by: caller.id) }
            return .noContent
        },
    ]
}
