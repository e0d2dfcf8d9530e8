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

/// Which events go to lanes, to the command queue, or nowhere.
struct PublishPlan: Sendable, Equatable {
    enum Destination: Sendable, Equatable {
        case lane, commands, nowhere
    }

    private static let commandEvent = Array("INTERACTION_CREATE".utf8)
    private let dropped: [[UInt8]]

    /// - Parameter dropped: names of events that nobody wants.
    init(dropping dropped: some Sequence<String> = []) {
        self.dropped = dropped.map { Array($0.utf8) }
    }

    func destination(of name: UnsafeRawBufferPointer) -> Destination {
        if name.elementsEqual(Self.commandEvent) { return .commands }
        return self.dropped.contains { $0.count == name.count && name.elementsEqual($0) } ? .nowhere : .lane
    }
}
