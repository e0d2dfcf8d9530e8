/// What operators and bad luck do to a fleet.
package enum Exercise: String, Sendable, Codable, CaseIterable {
    /// One slot is handed over to another member.
    case move
    case killShard, freezeShard
    case killLeader, freezeLeader, killStandby, freezeStandby
    /// No coordinator for a while: killed, or stopped and woken with leases that are over.
    case loseCoordinators, freezeCoordinators
    /// PostgreSQL is killed; its supervisor starts it again.
    case killDatabase
    /// A member is drained, and takes part again.
    case drain
    /// Another shard process joins, and gets its share.
    case addMember
    /// Every member and every coordinator restarts, one after the other.
    case rollingRestart
    /// Twice as many shards, while everything runs.
    case reshard
    /// The same, given up on the way.
    case abortReshard

    /// The order that makes sense when all are asked for.
    package static let withoutReshard: [Exercise] = [
        .move, .killShard, .killLeader, .freezeLeader, .freezeShard, .killStandby, .freezeStandby, .killDatabase,
        .drain,
        .addMember, .rollingRestart, .loseCoordinators, .freezeCoordinators,
    ]
    package static let resharding: [Exercise] = [.abortReshard, .reshard]
}

/// What one exercise took.
package struct ExerciseResult: Sendable, Codable {
    package let exercise: Exercise
    /// Until every slot was ready again.
    package let seconds: Double
    package let identifies: Int
    /// How many IDENTIFYs it may take.
    package let expectedIdentifies: ClosedRange<Int>
    package let resumes: Int

    package var verdict: Verdict {
        var findings = Findings("IDENTIFYs of \(self.exercise.rawValue)")
        findings.checked = 1
        findings.figures["resumes"] = self.resumes
        findings.figures["identifies"] = self.identifies
        if !self.expectedIdentifies.contains(self.identifies) {
            findings.violated("\(self.identifies) IDENTIFYs, where \(self.expectedIdentifies) are expected")
        }
        return findings.verdict
    }
}
