/// What a traffic generator can let happen, each about as often as among the events of a bot with every intent.
enum TrafficKind: Int, Sendable, CaseIterable {
    case presence, message, typing, messageEdit, messageDelete, bulkDelete, reactionAdd, reactionRemove
    case voice, memberUpdate, memberAdd, memberRemove, interaction
    case channelCreate, channelUpdate, channelDelete, roleCreate, roleUpdate, roleDelete
    case threadCreate, threadUpdate, threadDelete, guildUpdate, emojisUpdate, stickersUpdate
    case botLeave, botJoin, outageBegin, outageEnd

    /// Of 10,000.
    var weight: Int {
        switch self {
        case .presence: 2900
        case .message: 2400
        case .typing: 1200
        case .messageEdit: 350
        case .messageDelete: 120
        case .bulkDelete: 8
        case .reactionAdd: 700
        case .reactionRemove: 150
        case .voice: 750
        case .memberUpdate: 460
        case .memberAdd, .memberRemove: 220
        case .interaction: 200
        case .channelCreate, .channelDelete: 22
        case .channelUpdate: 60
        case .roleCreate, .roleDelete: 14
        case .roleUpdate: 40
        case .threadCreate: 40
        case .threadUpdate: 40
        case .threadDelete: 20
        case .guildUpdate: 24
        case .emojisUpdate: 16
        case .stickersUpdate: 4
        case .botLeave, .botJoin, .outageBegin, .outageEnd: 4
        }
    }

    private static let sums = Self.allCases.reduce(into: [Int]()) { $0.append(($0.last ?? 0) + $1.weight) }

    static func pick(_ random: inout SeededRandom) -> TrafficKind {
        let lot = random.below(Self.sums.last ?? 1)
        let index = Self.sums.firstIndex { lot < $0 } ?? 0
        return Self.allCases[index]
    }
}
