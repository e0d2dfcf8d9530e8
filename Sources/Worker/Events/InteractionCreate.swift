import Discord

/// The parts of INTERACTION_CREATE that commands need.
struct InteractionCreate: Sendable, Decodable {
    struct Data: Sendable, Decodable {
        let name: String?
    }

    static let applicationCommand = 2

    let id: Snowflake
    let applicationId: Snowflake
    let type: Int
    let token: String
    let guildId: Snowflake?
    let channelId: Snowflake?
    let data: Data?
}
