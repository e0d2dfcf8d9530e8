import ClusterAPI
package import Discord

/// What a new leader finds written down.
package struct LoadedState: Sendable {
    package var members: [ClusterState.MemberState] = []
    package var incarnations: [String: Int] = [:]
    package var marks: [String: ClusterState.Mark] = [:]
    package var slots: [ClusterState.SlotState] = []
    package var lanes: [Int: ClusterState.LaneState] = [:]
    package var applications: [ClusterState.ApplicationState] = []
    package var latestGenerations: [Snowflake: Int] = [:]
    /// The last ``ClusterView/mostGaps``, the latest last.
    package var gaps: [ClusterState.GapState] = []
    package var reshards: [Snowflake: Reshard] = [:]
    package var restart: RollingRestart?
    /// Permits that an earlier leader gave so lately that their IDENTIFYs may still be on their way.
    package var recentPermits: [Snowflake: Int] = [:]

    package init() {}
}
