/// The times and sizes that the coordinator decides by.
package struct ClusterPolicy: Sendable, Equatable {
    /// A member that is not heard of for so long has lost its lease.
    package var lease: Duration = .seconds(6)
    /// How long a member's attendance is held before it has to be said again. Whoever opens connections and forgets
    /// them costs no more than this.
    package var attendance: Duration = .seconds(45)
    /// How long a member whose attendance was broken off may take to be heard of. Many at once are a fault of the
    /// network: then their leases count. Longer than the second between two renewals of a member.
    package var doubt: Duration = .milliseconds(1500)
    /// How long a renewal's answer is held while nothing changes.
    package var renew: Duration = .seconds(1)
    /// What an owner has to hand a slot over before it is fenced.
    package var handOver: Duration = .seconds(15)
    /// How many slots may be on the move between members at once, when nothing forces a move.
    package var mostHandOvers = 4
    /// Fixed for the life of a cluster: a guild's lane follows from it.
    package var lanes = 32
    /// What a new leader gives members that it has not heard of: their calls to the last leader have to fail first.
    package var grace: Duration = .seconds(10)
    /// How long a new leader may take to read what is written down. It renews its lease meanwhile. Whoever takes longer
    /// lets another one try.
    package var load: Duration = .seconds(10)
    /// How often leases, hand-overs and held answers are looked at. What is answered at one tick comes back at once:
    /// with longer ones, hundreds of members queue behind each other.
    package var tick: Duration = .milliseconds(100)
    /// Between attempts to write what could not be written, and to fence what could not be fenced.
    package var retry: Duration = .milliseconds(500)
    /// Watermarks alone are written no more often than this; they go along with any other write.
    package var watermarkInterval: Duration = .seconds(1)
    /// How many lives are cut off at the broker at once.
    package var mostFences = 64
    package var identify = IdentifyPolicy()
    package var reshard = ReshardPolicy()

    package init() {}
}

/// What an IDENTIFY has to wait for, beyond its bucket.
package struct IdentifyPolicy: Sendable, Equatable {
    /// What stays untouched of the session starts, as a part of the whole.
    package var reserve = 0.2
    /// The longest that a slot is told to wait for session starts: Discord may give more before it said it would.
    package var longestWait: Duration = .seconds(60)
    /// How long a permit may be used, since it was asked for.
    package var validity: Duration = .milliseconds(500)
    /// As long as nobody told what became of an IDENTIFY it may still be on its way: its bucket is kept from others so
    /// much more. A longer time would punish a fleet whose READYs are slow.
    package var hold: Duration = .seconds(2)
    /// A permit counts as unused only once an IDENTIFY that it let through must have arrived.
    package var way: Duration = .seconds(15)
    /// A session that was up for so long did not fail.
    package var stableAfter: Duration = .seconds(60)
    /// IDENTIFYs of one slot in a row that may fail before it has to wait.
    package var freeFailures = 2
    /// The first wait of a slot whose IDENTIFYs fail; doubled with each further one.
    package var firstBackoff: Duration = .seconds(10)
    package var longestBackoff: Duration = .seconds(900)
    /// The brake looks at what became of the permits of so long.
    package var brakeWindow: Duration = .seconds(60)
    /// Failures in the window that it takes to pause everybody, if they are also most of what was tried.
    package var brakeFailures = 8
    package var firstBrake: Duration = .seconds(60)
    package var longestBrake: Duration = .seconds(900)
    /// How long the brake waits for the outcome of the one IDENTIFY that it lets through.
    package var probe: Duration = .seconds(30)

    package init() {}
}

/// How a shard count is changed while everything runs.
package struct ReshardPolicy: Sendable, Equatable {
    /// How long both generations publish a lane before the old one stops: more than one session may lag behind the
    /// other.
    package var overlap: Duration = .seconds(10)
    /// How long every session of the new generation has to be up before the first lane is switched.
    package var warmUp: Duration = .seconds(5)
    /// What a member told longer ago than this does not count.
    package var freshness: Duration = .milliseconds(2500)
    /// For so long what a member tells may have been on its way. A renewal that takes longer, at all coordinators that
    /// are tried and with the second that its answer may be held, is given up by its member.
    package var way: Duration = .milliseconds(3500)
    /// On top of the time that the identify buckets ask for.
    package var identifySlack: Duration = .seconds(600)
    /// A switch that could not go on for so long is rolled back.
    package var patience: Duration = .seconds(120)
    /// Between the last lane's switch and the commit.
    package var settle: Duration = .seconds(5)
    /// What of 2,500 guilds a shard may have at the most, in a plan.
    package var mostGuilds = 2_000

    package init() {}
}
