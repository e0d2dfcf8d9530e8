import Discord

/// What a newcomer finds at the first start.
enum DemoWorld {
    /// The application's id: fixed, so that its token can be known beforehand.
    static let applicationID: Snowflake = 1_100_000_000_000_000_001

    /// Guild ids far enough apart that two shards get one each: `(id >> 22) % 2` differs.
    static let harborID: Snowflake = Snowflake(rawValue: 262_276_000_000 << 22)
    static let lighthouseID: Snowflake = Snowflake(rawValue: 262_276_000_001 << 22)

    static let guildIDs = [Self.harborID, Self.lighthouseID]
    static let password = "flotilla"
    static let logins = ["alice", "bob"]

    /// - Parameter passwords: one hash for each of `logins`, in order.
    static func fill(_ world: inout World, passwords: [PasswordHash], botToken: String) throws(APIError) {
        var people: [User] = []
        for (login, password) in zip(Self.logins, passwords) {
            people.append(try world.register(login: login, password: password))
        }
        guard let alice = people.first else { return }
        world.addApplication(
            SandboxApplication(
                id: Self.applicationID, name: "Flotilla", description: "The fleet's bot.", ownerID: alice.id,
                allowedIntents: Intents.documented.rawValue))
        world.addCredential(token: botToken, user: Self.applicationID)
        for (id, name) in [(Self.harborID, "Harbor"), (Self.lighthouseID, "Lighthouse")] {
            let guild = world.createGuild(name: name, owner: alice.id, channels: ["general", "global"], id: id)
            for person in people.dropFirst() { world.join(guild: guild.id, user: person.id) }
            world.openGuilds.append(guild.id)
        }
    }
}
