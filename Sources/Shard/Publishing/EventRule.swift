/// What becomes of events of one name.
struct EventRule: Sendable, Equatable {
    enum Destination: UInt8, Sendable, Equatable {
        case lane, commands, nowhere
    }

    /// Names that a slot itself has to do with.
    enum Kind: UInt8, Sendable, Equatable {
        case other, ready, resumed, guildCreate, guildDelete
    }

    var destination = Destination.lane
    /// The state that the guild cache had before the event travels with it.
    var attachesOld = false
    var kind = Kind.other
}
