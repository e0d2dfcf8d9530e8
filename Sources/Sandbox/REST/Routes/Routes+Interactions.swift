import Discord

/// Use and answer of interactions, and the messages of webhooks: under `/webhooks/{id}/{token}` the id is a webhook's
/// or, with an interaction's token, an application's.
extension Routes {
    static let interactions: [Route] = [
        Route("POST", "/interactions", .limit(.init(requests: 10, window: .seconds(5)))) { request, service in
            let person = try request.requirePerson()
            let body = request.form.json
            let token = try Passwords.require(Token.opaque())
            _ = try await service.hub.change { world throws(APIError) in
                world.expireInteractions()
                return try world.use(body, by: person.id, token: token)
            }
            return .noContent
        },
        Route("POST", "/interactions/{interaction}/{secret}/callback", .exempt, authorization: .none) {
            request, service in
            let (id, token) = (try request.id("interaction"), request.parameters["secret"] ?? "")
            let body = request.form.json
            let uploads = try await uploads(request, service, channel: "interaction")
            let withResponse = request.queryFlag("with_response")
            let json = try await service.hub.change { world throws(APIError) in
                let result = try world.answer(id, token: token, body, uploads: uploads.map(\.json))
                service.attachments.keep(uploads)
                return callbackJSON(result, world)
            }
            return withResponse ? .json(json) : .noContent
        },
        Route("POST", "/webhooks/{webhook}/{token}", .webhook, authorization: .none) { request, service in
            let place = try Place(request)
            let uploads = try await uploads(request, service, channel: "webhook")
            let draft = try MessageDraft(request.form.json, uploads: uploads.map(\.json))
            var body = request.form.json.object ?? [:]
            body["thread_id"] = request.queryValue("thread_id").map { .string($0) }
            let form = JSONValue.object(body)
            let (json, always) = try await service.hub.change { world throws(APIError) -> (JSONValue, Bool) in
                let message: Message
                let interaction = place.interaction(world)
                if let interaction {
                    message = try world.followUp(interaction, draft)
                } else {
                    let webhook = try world.webhook(place.id, token: place.token)
                    message = try world.execute(webhook, draft, body: form)
                }
                service.attachments.keep(uploads)
                return (.object(world.messageObject(message)), interaction != nil)
            }
            return always || request.queryFlag("wait") ? .json(json) : .noContent
        },
        Route("GET", messagePath, messageLimit, authorization: .none) { request, service in
            let place = try Place(request)
            return .json(
                try service.hub.read { world throws(APIError) in
                    if let interaction = place.interaction(world) {
                        let id = try world.replyID(place.message, of: interaction)
                        guard let message = world.reply(id, of: interaction) else { throw .unknownMessage }
                        return .object(world.messageObject(message))
                    }
                    let webhook = try world.webhook(place.id, token: place.token)
                    return .object(world.messageObject(try world.message(try place.requireMessage(), of: webhook)))
                })
        },
        Route("PATCH", messagePath, messageLimit, authorization: .none) { request, service in
            let place = try Place(request)
            let uploads = try await uploads(request, service, channel: "webhook")
            let draft = try MessageDraft(request.form.json, uploads: uploads.map(\.json))
            return .json(
                try await service.hub.change { world throws(APIError) in
                    let message: Message
                    if let interaction = place.interaction(world) {
                        let id = try world.replyID(place.message, of: interaction)
                        message = try world.editReply(id, of: interaction, draft)
                    } else {
                        let webhook = try world.webhook(place.id, token: place.token)
                        message = try world.editMessage(try place.requireMessage(), of: webhook, draft)
                    }
                    service.attachments.keep(uploads)
                    return .object(world.messageObject(message))
                })
        },
        Route("DELETE", messagePath, messageLimit, authorization: .none) { request, service in
            let place = try Place(request)
            try await service.hub.change { world throws(APIError) in
                if let interaction = place.interaction(world) {
                    try world.deleteReply(try world.replyID(place.message, of: interaction), of: interaction)
                } else {
                    let webhook = try world.webhook(place.id, token: place.token)
                    try world.deleteMessage(try place.requireMessage(), of: webhook)
                }
            }
            return .noContent
        },
    ]

    private static let messagePath = "/webhooks/{webhook}/{token}/messages/{message}"
    private static let messageLimit = Route.Bucket.limit(.init(requests: 5, window: .seconds(2)), countsGlobally: false)

    private struct Place: Sendable {
        let id: Snowflake
        let token: String
        /// `nil` for `@original`.
        let message: Snowflake?

        init(_ request: RESTRequest) throws(APIError) {
            self.id = try request.id("webhook")
            self.token = request.parameters["token"] ?? ""
            let name = request.parameters["message"]
            self.message = name == nil || name == "@original" ? nil : try request.id("message")
        }

        /// `nil` when the token is no live interaction's: it is then taken for a webhook's.
        func interaction(_ world: World) -> Interaction? {
            // Any refusal means the same here.
            try? world.interaction(token: self.token, of: self.id)
        }

        func requireMessage() throws(APIError) -> Snowflake {
            guard let message else { throw .unknownMessage }
            return message
        }
    }

    private static func callbackJSON(_ result: World.CallbackResult, _ world: World) -> JSONValue {
        var interaction: JSONObject = ["id": .id(result.interaction.id), "type": .integer(result.interaction.kind)]
        var object: JSONObject = [:]
        if let message = result.message {
            interaction["response_message_id"] = .id(message.id)
            interaction["response_message_loading"] = .bool(message.flags & Message.Flag.loading != 0)
            interaction["response_message_ephemeral"] = .bool(message.isEphemeral)
            object["resource"] = ["type": .integer(result.kind), "message": .object(world.messageObject(message))]
        } else {
            object["resource"] = ["type": .integer(result.kind)]
        }
        object["interaction"] = .object(interaction)
        return .object(object)
    }
}
