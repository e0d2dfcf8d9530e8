import Discord

extension EventName {
    /// Told to the person who used a command: the application answered, or did not in time.
    static let interactionSuccess = EventName(rawValue: "INTERACTION_SUCCESS")
    static let interactionFailure = EventName(rawValue: "INTERACTION_FAILURE")
    /// Told to that person when the application answers with a modal.
    static let interactionModalCreate = EventName(rawValue: "INTERACTION_MODAL_CREATE")
}

extension World {
    /// A person uses a slash command or a component; the bot hears INTERACTION_CREATE.
    ///
    /// - Parameter token: the interaction's secret.
    mutating func use(_ body: JSONValue, by user: Snowflake, token: String) throws(APIError) -> Interaction {
        guard let applicationID = body["application_id"]?.snowflake, let application = self.applications[applicationID]
        else {
            throw .unknownApplication
        }
        guard let channelID = body["channel_id"]?.snowflake else { throw .unknownChannel }
        let channel = try self.channel(channelID, for: user, needing: .useApplicationCommands)
        if let guildID = channel.guildID {
            guard self.guilds[guildID]?.members[applicationID] != nil else { throw .missingAccess }
        }
        let kind = Int(clamping: body["type"]?.integer ?? 0)
        var source: Message?
        var data: JSONObject = body["data"]?.object ?? [:]
        // Who and what is meant is for the server to say: a caller's own list could claim any permission.
        data["resolved"] = nil
        var name: String?
        switch kind {
        case Interaction.Kind.command, Interaction.Kind.autocomplete:
            let command = try self.usedCommand(data, of: applicationID, in: channel.guildID)
            guard self.mayUse(command, by: user, in: channel.guildID.flatMap { self.guilds[$0] }, channel) else {
                throw .missingPermissions
            }
            name = command.name
            data["id"] = .id(command.id)
            data["name"] = .string(command.name)
            data["type"] = .integer(command.kind)
            if let guildID = command.guildID { data["guild_id"] = .id(guildID) }
            if let resolved = self.resolved(data, in: channel) { data["resolved"] = resolved }
        case Interaction.Kind.component:
            guard let messageID = body["message_id"]?.snowflake else { throw .unknownMessage }
            let message = try self.componentSource(messageID, in: channelID, of: applicationID, for: user)
            data = try self.componentData(data, on: message, in: channel)
            source = message
        case Interaction.Kind.modalSubmit:
            let offer = try self.modalOffer(data, in: channelID, of: applicationID, for: user)
            data = try Self.modalData(data, for: offer.modal ?? .null)
            source = offer.sourceMessageID.flatMap { self.sourceMessage($0, in: channelID) }
            // A modal closes when it is submitted.
            self.interactions[offer.id]?.modal = nil
        default: throw .form("type", code: "BASE_TYPE_CHOICES", "Value must be one of {2, 3, 4, 5}.")
        }
        let interaction = Interaction(
            id: self.nextID(), kind: kind, token: token, applicationID: application.id, guildID: channel.guildID,
            channelID: channelID, userID: user, name: name, nonce: body["nonce"], sourceMessageID: source?.id,
            createdAt: self.now)
        self.begin(interaction, data: data, source: source, in: channel)
        return interaction
    }

    /// Tells the bot of an interaction that was checked, and waits for its answer.
    mutating func begin(_ interaction: Interaction, data: JSONObject, source: Message? = nil, in channel: Channel) {
        self.interactions[interaction.id] = interaction
        self.interactionTokens[interaction.token] = interaction.id
        self.openInteractions.append(interaction.id)
        self.liveInteractions.append(interaction.id)
        let json = self.interactionJSON(interaction, data: data, source: source, in: channel)
        self.emit(.interactionCreate, to: .users([interaction.applicationID]), guild: channel.guildID, json)
    }

    private func usedCommand(
        _ data: JSONObject, of application: Snowflake, in guild: Snowflake?
    ) throws(APIError) -> ApplicationCommand {
        if let id = data["id"]?.snowflake {
            guard let command = self.commands[id], command.applicationID == application,
                command.guildID == nil || command.guildID == guild
            else { throw .unknownCommand }
            return command
        }
        let name = data["name"]?.string ?? ""
        let kind = Int(clamping: data["type"]?.integer ?? 1)
        // A guild's own command hides the global one of the same name.
        let candidates =
            (guild.map { self.commands(of: application, in: $0) } ?? []) + self.commands(of: application, in: nil)
        guard let command = candidates.first(where: { $0.name == name && $0.kind == kind }) else {
            throw .unknownCommand
        }
        return command
    }

    /// The users, members, roles and channels that option values (types 6 to 9) name.
    func resolved(_ data: JSONObject, in channel: Channel) -> JSONValue? {
        var users: JSONObject = [:]
        var members: JSONObject = [:]
        var roles: JSONObject = [:]
        var channels: JSONObject = [:]
        let guild = channel.guildID.flatMap { self.guilds[$0] }
        var pending = data["options"]?.array ?? []
        while let option = pending.popLast() {
            pending += option["options"]?.array ?? []
            guard let type = option["type"]?.integer, (6...9).contains(type), let id = option["value"]?.snowflake else {
                continue
            }
            if type == 6 || type == 9, let user = self.users[id] {
                users[id.description] = user.json
                if let member = guild?.members[id] { members[id.description] = .object(member.object) }
            }
            if type == 8 || type == 9, let role = guild?.roles[id] { roles[id.description] = role.json }
            if type == 7, let channel = self.channels[id], channel.guildID == guild?.id {
                channels[id.description] = channel.json()
            }
        }
        let parts = [("users", users), ("members", members), ("roles", roles), ("channels", channels)]
            .filter { !$0.1.members.isEmpty }
        return parts.isEmpty
            ? nil : .object(JSONObject(members: parts.map { .init(key: $0.0, value: .object($0.1)) }))
    }

    private func interactionJSON(
        _ interaction: Interaction, data: JSONObject, source: Message?, in channel: Channel
    ) -> JSONValue {
        var object: JSONObject = [
            "id": .id(interaction.id),
            "application_id": .id(interaction.applicationID),
            "type": .integer(interaction.kind),
            "data": .object(data),
            "channel": self.channelJSON(channel, for: interaction.applicationID),
            "channel_id": .id(channel.id),
            "token": .string(interaction.token),
            "version": 1,
            "app_permissions": .permissions(self.permissions(of: interaction.applicationID, in: channel)),
            "locale": "en-US",
            "entitlements": [],
            "entitlement_sku_ids": [],
            "authorizing_integration_owners": ["0": .string(channel.guildID?.description ?? "0")],
            "context": channel.guildID == nil ? 1 : 0,
            "attachment_size_limit": 10_485_760,
        ]
        let user = self.users[interaction.userID] ?? User(id: interaction.userID, username: "deleted_user")
        if let guildID = channel.guildID, let guild = self.guilds[guildID], let member = guild.members[user.id] {
            var memberObject = member.json(user: user).object ?? [:]
            memberObject["permissions"] = .permissions(self.permissions(of: user.id, in: channel))
            object["member"] = .object(memberObject)
            object["guild_id"] = .id(guildID)
            object["guild"] = ["id": .id(guildID), "locale": "en-US", "features": []]
            object["guild_locale"] = "en-US"
        } else {
            object["user"] = user.json
        }
        if let source { object["message"] = .object(self.messageObject(source)) }
        return .object(object)
    }

    /// Lets windows close and tokens die. Call it often; it also frees what is over.
    mutating func expireInteractions() {
        while let id = self.openInteractions.first {
            guard let interaction = self.interactions[id], interaction.state == .waiting else {
                self.openInteractions.removeFirst()
                continue
            }
            guard self.now.milliseconds - interaction.createdAt.milliseconds > Interaction.answerWindow else { break }
            self.openInteractions.removeFirst()
            self.interactions[id]?.state = .expired
            self.tellUser(.interactionFailure, of: interaction)
        }
        while let id = self.liveInteractions.first {
            guard let interaction = self.interactions[id] else {
                self.liveInteractions.removeFirst()
                continue
            }
            guard self.now.milliseconds - interaction.createdAt.milliseconds > Interaction.tokenLifetime else { break }
            self.liveInteractions.removeFirst()
            self.interactions[id] = nil
            for reply in interaction.ephemeral.keys { self.ephemeralReplies[reply] = nil }
            self.interactionTokens[interaction.token] = nil
        }
    }

    mutating func tellUser(_ name: EventName, of interaction: Interaction) {
        self.emit(
            name, to: .users([interaction.userID]), guild: nil,
            ["id": .id(interaction.id), "nonce": interaction.nonce ?? .null])
    }
}
