package import Discord

/// What an operator asks of the coordinator.
package struct OperatorRequest: Sendable, Codable, Equatable {
    package enum Name: String, Sendable, Codable, CaseIterable {
        /// Hands one slot over to `member`.
        case move
        /// Keeps a slot with `member` while that one is there.
        case pin, unpin
        /// `member` gets nothing new.
        case cordon
        /// `member` may get slots again.
        case uncordon
        /// `member` gets nothing new and hands over what it has.
        case drain
        /// Tells what the plan would move; without `dryRun` moves it at once.
        case rebalance
        /// Changes the shard count to `shards` while everything runs.
        case reshard
        case abortReshard
        /// Restarts every member, one after the other.
        case restart
        case abortRestart
        /// Lets go of what stops the IDENTIFYs of an application (a refused token, the storm brake), and tries slots
        /// that failed again.
        case retry
    }

    package let name: Name
    /// nil where there is only one.
    package let application: Snowflake?
    package let shard: Int?
    /// nil: the one in force.
    package let generation: Int?
    package let member: String?
    package let shards: Int?
    /// Changes nothing, and tells what would be done.
    package let dryRun: Bool?
    /// Also where the answer would be no for lack of room.
    package let force: Bool?

    package init(
        _ name: Name, application: Snowflake? = nil, shard: Int? = nil, generation: Int? = nil, member: String? = nil,
        shards: Int? = nil, dryRun: Bool? = nil, force: Bool? = nil
    ) {
        self.name = name
        self.application = application
        self.shard = shard
        self.generation = generation
        self.member = member
        self.shards = shards
        self.dryRun = dryRun
        self.force = force
    }
}

package struct OperatorAnswer: Sendable, Codable, Equatable {
    /// What was or would be done, for people.
    package let message: String
    package let plan: PlanPreview?
    package let reshard: ReshardPreview?

    package init(message: String, plan: PlanPreview? = nil, reshard: ReshardPreview? = nil) {
        self.message = message
        self.plan = plan
        self.reshard = reshard
    }
}

/// What the plan would move, and what that costs.
package struct PlanPreview: Sendable, Codable, Equatable {
    package struct Move: Sendable, Codable, Equatable {
        package let slot: Slot
        /// nil: nobody runs it now.
        package let from: String?
        /// nil: nobody has room for it.
        package let to: String?

        package init(slot: Slot, from: String?, to: String?) {
            self.slot = slot
            self.from = from
            self.to = to
        }
    }

    package struct Share: Sendable, Codable, Equatable {
        package let member: String
        package let before: Int
        package let after: Int

        package init(member: String, before: Int, after: Int) {
            self.member = member
            self.before = before
            self.after = after
        }
    }

    package let moves: [Move]
    package let members: [Share]
    /// Sessions that go on with their next owner.
    package let resumes: Int
    /// Session starts that it takes.
    package let identifies: Int
    /// What may still be used of them, without the reserve; nil: Discord was not asked yet.
    package let sessionStartsLeft: Int?
    /// What an operator should know, such as a zone that the others could not stand in for.
    package let notes: [String]

    package init(
        moves: [Move], members: [Share], resumes: Int, identifies: Int, sessionStartsLeft: Int?, notes: [String]
    ) {
        self.moves = moves
        self.members = members
        self.resumes = resumes
        self.identifies = identifies
        self.sessionStartsLeft = sessionStartsLeft
        self.notes = notes
    }
}

/// What a change of the shard count would take.
package struct ReshardPreview: Sendable, Codable, Equatable {
    package let application: Snowflake
    package let fromShards: Int
    package let toShards: Int
    /// Session starts that it takes.
    package let identifies: Int
    /// What may be used of them, without the reserve.
    package let sessionStartsLeft: Int?
    /// At the least: what the identify buckets ask for, and the overlaps.
    package let seconds: Int
    /// The mean, after it; nil while guilds are not counted.
    package let guildsPerShard: Int?
    /// Why it can't be begun now.
    package let problems: [String]

    package init(
        application: Snowflake, fromShards: Int, toShards: Int, identifies: Int, sessionStartsLeft: Int?, seconds: Int,
        guildsPerShard: Int?, problems: [String]
    ) {
        self.application = application
        self.fromShards = fromShards
        self.toShards = toShards
        self.identifies = identifies
        self.sessionStartsLeft = sessionStartsLeft
        self.seconds = seconds
        self.guildsPerShard = guildsPerShard
        self.problems = problems
    }
}
