import Discord

/// Adds a generated world to the demo guilds.
enum GeneratedWorld {
    /// The demo application's id, and those that follow it.
    static func applicationID(_ number: Int) -> Snowflake {
        Snowflake(rawValue: DemoWorld.applicationID.rawValue + UInt64(clamping: number))
    }

    /// Applications that are not there yet are made, with their development tokens; the demo guilds don't have them.
    static func add(_ spec: WorldSpec, to world: inout World) {
        let applications = (0..<spec.applications).map { Self.applicationID($0) }
        let owner = world.applications[DemoWorld.applicationID]?.ownerID ?? DemoWorld.applicationID
        for (number, id) in applications.enumerated() where world.applications[id] == nil {
            world.addApplication(
                SandboxApplication(
                    id: id, name: "Flotilla \(number + 1)", description: "Another bot of the fleet.", ownerID: owner,
                    allowedIntents: Intents.documented.rawValue))
            world.addCredential(token: Token.development(for: id), user: id)
        }
        world.blueprint = Blueprint(spec, applications: applications)
    }
}
