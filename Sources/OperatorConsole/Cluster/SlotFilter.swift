package import ClusterAPI
package import Discord

/// Which slots a listing is about; whatever is nil does not matter.
package struct SlotFilter: Sendable {
    package var member: String?
    package var statuses: [SlotStatus]
    package var application: Snowflake?
    package var generation: Int?
    package var isNotReady: Bool

    package init(
        member: String? = nil, statuses: [SlotStatus] = [], application: Snowflake? = nil, generation: Int? = nil,
        isNotReady: Bool = false
    ) {
        self.member = member
        self.statuses = statuses
        self.application = application
        self.generation = generation
        self.isNotReady = isNotReady
    }

    package func matches(_ slot: ClusterView.SlotView) -> Bool {
        (self.member == nil || slot.member == self.member)
            && (self.statuses.isEmpty || self.statuses.contains(slot.status))
            && (self.application == nil || slot.application == self.application)
            && (self.generation == nil || slot.generation == self.generation)
            && (!self.isNotReady || slot.status != .ready)
    }
}
