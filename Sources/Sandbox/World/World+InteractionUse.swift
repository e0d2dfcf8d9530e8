import Discord

/// What a person may use: commands by their permissions, components and modals that were really offered.
extension World {
    /// Whether a member may use a command at all. `"0"` is for administrators only (Discord docs, Application Command
    /// Permissions); there are no overrides for single users, roles and channels here.
    ///
    /// - Parameter channel: where it is used; `nil` asks for the guild as a whole.
    func mayUse(_ command: ApplicationCommand, by user: Snowflake, in guild: Guild?, _ channel: Channel?) -> Bool {
        let contexts = command.definition["contexts"]?.array?.compactMap(\.integer)
        guard let guild else {
            return command.definition["dm_permission"]?.bool ?? true
                && contexts?.contains(Self.botDirectContext) ?? true
        }
        guard contexts?.contains(Self.guildContext) ?? true else { return false }
        guard let needed = command.definition["default_member_permissions"], !needed.isNull else { return true }
        let permissions =
            channel.map { self.permissions(of: user, in: $0) } ?? self.permissions(of: user, in: guild)
        let bits = needed.snowflake?.rawValue ?? 0
        return permissions.contains(bits == 0 ? .administrator : Permissions(rawValue: bits))
    }

    private static let guildContext: Int64 = 0
    private static let botDirectContext: Int64 = 1

    // MARK: Components

    /// The message whose component a person uses: one of the channel, or an ephemeral one that was shown to that
    /// person.
    func componentSource(
        _ id: Snowflake, in channel: Snowflake, of application: Snowflake, for user: Snowflake
    ) throws(APIError) -> Message {
        if let message = self.messages[channel]?[id] {
            guard message.applicationID == application || message.authorID == application else { throw .unknownMessage }
            return message
        }
        guard let owner = self.ephemeralReplies[id].flatMap({ self.interactions[$0] }), owner.userID == user,
            owner.applicationID == application, owner.channelID == channel, let message = owner.ephemeral[id]
        else { throw .unknownMessage }
        return message
    }

    /// A message that a component was used on, wherever it is kept.
    func sourceMessage(_ id: Snowflake, in channel: Snowflake) -> Message? {
        self.messages[channel]?[id]
            ?? self.ephemeralReplies[id].flatMap { self.interactions[$0]?.ephemeral[id] }
    }

    /// What the bot is told of a component's use: what the message offers, and nothing else that the person sent.
    func componentData(_ data: JSONObject, on message: Message, in channel: Channel) throws(APIError) -> JSONObject {
        guard let customID = data["custom_id"]?.string else {
            throw .form("data", "custom_id", code: "BASE_TYPE_REQUIRED", "This field is required")
        }
        let offered = Self.interactive(message.components)
        guard let component = offered.first(where: { $0["custom_id"]?.string == customID }),
            let type = component["type"]?.integer, !(component["disabled"]?.bool ?? false)
        else {
            throw .form(
                "data", "custom_id", code: "COMPONENT_CUSTOM_ID_UNKNOWN", "The message offers no such component.")
        }
        if let given = data["component_type"]?.integer, given != type {
            throw .form("data", "component_type", code: "BASE_TYPE_CHOICES", "The component is of type \(type).")
        }
        var told: JSONObject = ["custom_id": .string(customID), "component_type": .integer(type)]
        switch type {
        case 2: break
        case 3, 5...8:
            let values = try Self.values(data["values"], of: component, type: type)
            told["values"] = .array(values.map { .string($0) })
            if type != 3, let resolved = self.resolved(values, type: type, in: channel) { told["resolved"] = resolved }
        default:
            throw .form("data", "component_type", code: "BASE_TYPE_CHOICES", "This component can't be used by itself.")
        }
        return told
    }

    /// A select's values: offered ones, each once, and neither too few nor too many.
    private static func values(_ json: JSONValue?, of select: JSONValue, type: Int64) throws(APIError) -> [String] {
        let given = json?.array ?? []
        let values = given.compactMap(\.string)
        let least = Int(clamping: select["min_values"]?.integer ?? 1)
        let most = Int(clamping: select["max_values"]?.integer ?? 1)
        guard values.count == given.count, Set(values).count == values.count, least <= values.count,
            values.count <= most
        else {
            throw .form(
                "data", "values", code: "BASE_TYPE_BAD_LENGTH", "Must be \(least) to \(most) different values.")
        }
        if type == 3 {
            let options = Set((select["options"]?.array ?? []).compactMap { $0["value"]?.string })
            guard options.isSuperset(of: values) else {
                throw .form("data", "values", code: "BASE_TYPE_CHOICES", "Not all values are among the options.")
            }
        }
        return values
    }

    /// What the values of a user, role, mentionable or channel select (types 5 to 8) stand for.
    private func resolved(_ values: [String], type: Int64, in channel: Channel) -> JSONValue? {
        // The option types that mean the same: user, role, mentionable, channel.
        let option: [Int64: Int64] = [5: 6, 6: 8, 7: 9, 8: 7]
        let options = values.map { value -> JSONValue in
            ["type": .integer(option[type] ?? 0), "value": .string(value)]
        }
        return self.resolved(["options": .array(options)], in: channel)
    }

    /// All components below these that have a `custom_id`.
    static func interactive(_ components: [JSONValue]) -> [JSONValue] {
        var found: [JSONValue] = []
        var rest = components
        while let component = rest.popLast() {
            if component["custom_id"]?.string != nil { found.append(component) }
            rest += component["components"]?.array ?? []
            rest += [component["component"], component["accessory"]].compactMap { $0 }
        }
        return found
    }

    // MARK: Modals

    /// Checks the modal of a callback (Discord docs, Interaction Callback Data, Modal).
    static func modal(_ data: JSONValue) throws(APIError) -> JSONValue {
        var errors = FormErrors()
        for (key, limit) in [("custom_id", 100), ("title", 45)] {
            let text = data[key]?.string ?? ""
            if !(1...limit).contains(text.count) {
                errors.add(
                    ["data", key], code: "BASE_TYPE_BAD_LENGTH", "Must be between 1 and \(limit) in length.")
            }
        }
        let components = data["components"]?.array ?? []
        if !(1...5).contains(components.count) || Self.interactive(components).isEmpty {
            errors.add(
                ["data", "components"], code: "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
        }
        try errors.throwIfAny()
        return [
            "custom_id": data["custom_id"] ?? .null, "title": data["title"] ?? .null, "components": .array(components),
        ]
    }

    /// The interaction that offered this person the modal that is submitted.
    func modalOffer(
        _ data: JSONObject, in channel: Snowflake, of application: Snowflake, for user: Snowflake
    ) throws(APIError) -> Interaction {
        guard let customID = data["custom_id"]?.string else {
            throw .form("data", "custom_id", code: "BASE_TYPE_REQUIRED", "This field is required")
        }
        let offers = self.interactions.values.filter { interaction in
            interaction.userID == user && interaction.applicationID == application && interaction.channelID == channel
                && interaction.modal?["custom_id"]?.string == customID
        }
        guard let offer = offers.max(by: { $0.id < $1.id }) else {
            throw .form("data", "custom_id", code: "MODAL_CUSTOM_ID_UNKNOWN", "No such modal was offered.")
        }
        return offer
    }

    /// What the bot is told of a submitted modal: answers to what it asked, and nothing else.
    static func modalData(_ data: JSONObject, for modal: JSONValue) throws(APIError) -> JSONObject {
        let asked = Self.interactive(modal["components"]?.array ?? [])
        let components = data["components"]?.array ?? []
        var given = Self.interactive(components)
        var errors = FormErrors()
        for input in asked {
            guard let customID = input["custom_id"]?.string else { continue }
            let index = given.firstIndex { $0["custom_id"]?.string == customID }
            let answer = index.map { given.remove(at: $0) }
            guard input["type"]?.integer == 4 else { continue }
            let text = answer?["value"]?.string ?? ""
            let least = Int(clamping: input["min_length"]?.integer ?? 0)
            let most = Int(clamping: input["max_length"]?.integer ?? 4000)
            let isRequired = input["required"]?.bool ?? true
            if text.isEmpty ? isRequired : !(least...max(least, most)).contains(text.unicodeScalars.count) {
                errors.add(
                    ["data", "components", customID], code: "BASE_TYPE_BAD_LENGTH",
                    "Must be between \(max(least, isRequired ? 1 : 0)) and \(most) in length.")
            }
        }
        for other in given {
            errors.add(
                ["data", "components", other["custom_id"]?.string ?? ""], code: "BASE_TYPE_CHOICES",
                "The modal does not ask for this.")
        }
        try errors.throwIfAny()
        return [
            "custom_id": modal["custom_id"] ?? .null,
            "components": .array(components.map { Self.answer($0, depth: 0) }),
        ]
    }

    private static let answerKeys = ["id", "type", "custom_id", "value", "values"]

    private static func answer(_ json: JSONValue, depth: Int) -> JSONValue {
        var answer: JSONObject = [:]
        for key in Self.answerKeys { answer[key] = json[key] }
        guard depth < 3 else { return .object(answer) }
        if let parts = json["components"]?.array {
            answer["components"] = .array(parts.map { Self.answer($0, depth: depth + 1) })
        }
        if let part = json["component"] { answer["component"] = Self.answer(part, depth: depth + 1) }
        return .object(answer)
    }
}
