import Discord

extension World {
    /// How many commands of each type a scope holds.
    static let commandLimits = [1: 100, 2: 15, 3: 15, 4: 1]

    /// An application's commands in one scope: global (`nil`) or a guild's.
    func commands(of application: Snowflake, in guild: Snowflake?) -> [ApplicationCommand] {
        self.commands.values.filter { $0.applicationID == application && $0.guildID == guild }.sorted { $0.id < $1.id }
    }

    /// Commands are their application's own affair; a guild's need the bot in the guild.
    func checkScope(of application: Snowflake, _ guild: Snowflake?, by user: Snowflake) throws(APIError) {
        guard self.applications[application] != nil else { throw .unknownApplication }
        guard application == user else { throw .missingAccess }
        if let guild { _ = try self.guild(guild, seenBy: application) }
    }

    func command(
        _ id: Snowflake, of application: Snowflake, in guild: Snowflake?
    ) throws(APIError) -> ApplicationCommand {
        guard let command = self.commands[id], command.applicationID == application, command.guildID == guild else {
            throw .unknownCommand
        }
        return command
    }

    /// Adds a command, or takes the place of the one of the same name and type, whose id it keeps.
    mutating func upsertCommand(
        _ form: CommandForm, of application: Snowflake, in guild: Snowflake?
    ) throws(APIError) -> (command: ApplicationCommand, isNew: Bool) {
        let scope = self.commands(of: application, in: guild)
        let known = scope.first { $0.name == form.name && $0.kind == form.kind }
        if known == nil {
            let limit = Self.commandLimits[form.kind] ?? 0
            guard scope.count(where: { $0.kind == form.kind }) < limit else { throw .tooManyCommands }
        }
        return (self.store(form, id: known?.id, of: application, in: guild), known == nil)
    }

    private mutating func store(
        _ form: CommandForm, id: Snowflake?, of application: Snowflake, in guild: Snowflake?
    ) -> ApplicationCommand {
        let version = self.nextID()
        let command = ApplicationCommand(
            id: id ?? version, applicationID: application, guildID: guild, kind: form.kind, name: form.name,
            version: version,
            definition: form.definition)
        self.commands[command.id] = command
        self.record(.command(command))
        return command
    }

    /// Replaces a scope's commands of all types.
    mutating func overwriteCommands(
        _ body: JSONValue, of application: Snowflake, in guild: Snowflake?
    ) throws(APIError) -> [ApplicationCommand] {
        guard let items = body.array else {
            throw .form(code: "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        }
        var errors = FormErrors()
        let forms = items.prefix(200).enumerated().map { CommandForm($1, path: [String($0)], &errors) }
        for (index, form) in forms.enumerated()
        where forms[..<index].contains(where: { $0.name == form.name && $0.kind == form.kind }) {
            errors.add(
                [String(index), "name"], code: "APPLICATION_COMMANDS_DUPLICATE_NAME",
                "Application command names must be unique")
        }
        try errors.throwIfAny()
        for (kind, limit) in Self.commandLimits where forms.count(where: { $0.kind == kind }) > limit {
            throw .tooManyCommands
        }
        let before = self.commands(of: application, in: guild)
        for old in before where !forms.contains(where: { $0.name == old.name && $0.kind == old.kind }) {
            self.deleteCommand(old)
        }
        return forms.map { form in
            let known = before.first { $0.name == form.name && $0.kind == form.kind }
            return self.store(form, id: known?.id, of: application, in: guild)
        }
    }

    /// Given fields replace the old ones.
    mutating func editCommand(_ command: ApplicationCommand, _ body: JSONValue) throws(APIError) -> ApplicationCommand {
        var merged = command.definition.object ?? [:]
        for member in body.object?.members ?? [] { merged[member.key] = member.value }
        merged["name"] = body["name"] ?? .string(command.name)
        merged["type"] = .integer(command.kind)
        let form = try CommandForm(.object(merged))
        return self.store(form, id: command.id, of: command.applicationID, in: command.guildID)
    }

    mutating func deleteCommand(_ command: ApplicationCommand) {
        self.commands[command.id] = nil
        self.record(.removeCommand(command.id))
    }

    /// What a person may call in a guild: each bot's global commands and the guild's own.
    func commandIndex(of guildID: Snowflake, for user: Snowflake) throws(APIError) -> JSONValue {
        let guild = try self.guild(guildID, seenBy: user)
        let applications = guild.botIDs.compactMap { self.applications[$0] }
        let commands = applications.flatMap { application in
            self.commands(of: application.id, in: nil) + self.commands(of: application.id, in: guildID)
        }.filter { self.mayUse($0, by: user, in: guild, nil) }
        return [
            "applications": .array(
                applications.map { application in
                    [
                        "id": .id(application.id), "name": .string(application.name), "icon": .null,
                        "description": .string(application.description), "bot": self.userJSON(application.id),
                    ]
                }),
            "application_commands": .array(commands.map { $0.json(withLocalizations: true) }),
        ]
    }
}
