package import ClusterAPI
package import Discord

/// What is written down in one transaction, which also checks that its writer still leads.
package struct StateBatch: Sendable, Equatable {
    package struct MemberRow: Sendable, Equatable {
        package let id: String
        /// nil: the member is gone.
        package let state: ClusterState.MemberState?
        package let mark: ClusterState.Mark?

        package init(id: String, state: ClusterState.MemberState?, mark: ClusterState.Mark? = nil) {
            self.id = id
            self.state = state
            self.mark = mark
        }
    }

    package struct WatermarkRow: Sendable, Equatable {
        package let slot: Slot
        package let epoch: Int64
        package let session: SessionState
    }

    /// Grows with each batch of a leader.
    package var number = 0
    package var members: [MemberRow] = []
    package var slots: [ClusterState.SlotState] = []
    package var droppedSlots: [Slot] = []
    /// Of slots of which nothing else has changed.
    package var watermarks: [WatermarkRow] = []
    package var applications: [ClusterState.ApplicationState] = []
    package var lanes: [Int: ClusterState.LaneState] = [:]
    package var gaps: [ClusterState.GapState] = []
    /// nil: it is over.
    package var reshards: [Snowflake: Reshard?] = [:]
    /// nil: nothing of it has changed; `.some(nil)`: it is over.
    package var restart: RollingRestart??
    package var audit: [AuditEntry] = []

    package init() {}
}
