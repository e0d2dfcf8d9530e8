/// The times and sizes that the coordinator decides by.
struct ClusterPolicy: Sendable, Equatable {
    /// A member that is not heard of for so long has lost its lease.
    var lease: Duration = .seconds(6)
    /// How long a renewal's answer is held while nothing changes.
    var renew: Duration = .seconds(1)
    /// What an owner has to hand a slot over before it is fenced.
    var handOver: Duration = .seconds(15)
    /// How many slots may be on the move between members at once, when nothing forces a move.
    var mostHandOvers = 4
    /// Fixed for the life of a cluster: a guild's lane follows from it.
    var lanes = 32
}
