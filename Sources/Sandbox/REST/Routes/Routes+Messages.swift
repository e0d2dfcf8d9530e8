import Discord

extension Routes {
    static let messages: [Route] = [
        Route("GET", "/channels/{channel}/messages") { request, service in
            let caller = try request.requireCaller()
            let channel = try request.id("channel")
            let limit = try request.queryLimit(default: 50, in: 1...100)
            let page: MessageLog.Page =
                if let id = try request.queryID("around") {
                    .around(id)
                } else if let id = try request.queryID("before") {
                    .before(id)
                } else if let id = try request.queryID("after") {
                    .after(id)
                } else {
                    .newest
                }
            return .json(
                try service.hub.read { world throws(APIError) in
                    let messages = try world.history(of: channel, page, limit: limit, for: caller.id)
                    return .array(messages.map { world.messageJSON($0, for: caller.id) })
                })
        },
        Route("POST", "/channels/{channel}/messages", .limit(.init(requests: 5, window: .seconds(5)))) {
            request, service in
            let caller = try request.requireCaller()
            let channel = try request.id("channel")
            let uploads = try await uploads(request, service, channel: "channel")
            let draft = try MessageDraft(request.form.json, uploads: uploads.map(\.json))
            return .json(
                try await service.hub.change { world throws(APIError) in
                    let message = try world.createMessage(draft, in: channel, by: caller.id)
                    service.attachments.keep(uploads)
                    return world.messageJSON(message, for: caller.id)
                })
        },
        Route("POST", "/channels/{channel}/messages/bulk-delete") { request, service in
            let caller = try request.requireCaller()
            let channel = try request.id("channel")
            guard let list = request.form.json["messages"]?.array else {
                throw APIError.form("messages", code: "BASE_TYPE_REQUIRED", "This field is required")
            }
            let ids = list.compactMap(\.snowflake)
            guard ids.count == list.count else {
                throw APIError.form("messages", code: "NUMBER_TYPE_COERCE", "Not all values are snowflakes.")
            }
            try await service.hub.change { world throws(APIError) in
                try world.bulkDelete(ids, in: channel, by: caller.id)
            }
            return .noContent
        },
        Route("GET", "/channels/{channel}/messages/{message}") { request, service in
            let caller = try request.requireCaller()
            let (channel, id) = (try request.id("channel"), try request.id("message"))
            return .json(
                try service.hub.read { world throws(APIError) in
                    world.messageJSON(try world.message(id, in: channel, for: caller.id), for: caller.id)
                })
        },
        Route("PATCH", "/channels/{channel}/messages/{message}", .limit(.init(requests: 5, window: .seconds(5)))) {
            request, service in
            let caller = try request.requireCaller()
            let (channel, id) = (try request.id("channel"), try request.id("message"))
            let uploads = try await uploads(request, service, channel: "channel")
            let draft = try MessageDraft(request.form.json, uploads: uploads.map(\.json))
            return .json(
                try await service.hub.change { world throws(APIError) in
                    let message = try world.editMessage(draft, id, in: channel, by: caller.id)
                    service.attachments.keep(uploads)
                    return world.messageJSON(message, for: caller.id)
                })
        },
        Route("DELETE", "/channels/{channel}/messages/{message}", .limit(.init(requests: 5, window: .seconds(1)))) {
            request, service in
            let caller = try request.requireCaller()
            let (channel, id) = (try request.id("channel"), try request.id("message"))
            try await service.hub.change { world throws(APIError) in
                try world.deleteMessage(id, in: channel, by: caller.id)
            }
            return .noContent
        },
    ]
}
