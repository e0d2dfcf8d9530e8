/// Where a batch goes on the broker.
enum PublishRoute: Hashable, Sendable {
    case lane(Int)
    case commands

    /// The routing key at `gw.events`.
    var routingKey: String {
        switch self {
        case .lane(let lane): "lane.\(lane)"
        case .commands: "commands"
        }
    }
}
