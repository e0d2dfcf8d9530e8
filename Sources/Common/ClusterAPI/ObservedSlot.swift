package enum SlotStatus: String, Sendable, Codable, CaseIterable {
    /// Granted, nothing sent yet.
    case starting
    /// Waits for leave to IDENTIFY.
    case waitingForPermit
    case connecting, identifying, resuming
    case ready
    /// Stops reading, flushes and waits for its confirms.
    case handingOver
    /// Closed with its final session told: the slot may be granted elsewhere.
    case released
    /// Discord closed with a code that forbids to go on; `reason` tells it.
    case failed
}

/// What a member knows of one of its slots.
package struct ObservedSlot: Sendable, Codable, Equatable {
    package let slot: Slot
    package let epoch: Int64
    package let status: SlotStatus
    /// nil: there is none, or Discord refused it.
    package let session: SessionState?
    package let guilds: Int
    package let eventsPerSecond: Double
    package let bytesPerSecond: Double
    /// Heartbeat to ACK; nil before the first.
    package let latencyMilliseconds: Double?
    /// Why the slot is not ready, for people.
    package let reason: String?
    /// With `failed`: Discord's close code.
    package let closeCode: UInt16?
    /// Sessions that were lost, and whose lines every lane has; told until an answer shows that they are written down.
    /// nil: none.
    package let gaps: [SessionGap]?
    /// For how long the oldest event that is not settled has been waiting; nil: none, or not told.
    package let unsettledMilliseconds: Int?
    /// How long ago the last heartbeat was sent that Discord has acknowledged and before whose ACK nothing came that is
    /// not settled: whatever it dispatched before that has been received and settled. nil: none, or not told.
    package let acknowledgedMilliseconds: Int?

    package init(
        slot: Slot,
        epoch: Int64,
        status: SlotStatus,
        session: SessionState? = nil,
        guilds: Int = 0,
        eventsPerSecond: Double = 0,
        bytesPerSecond: Double = 0,
        latencyMilliseconds: Double? = nil,
        reason: String? = nil,
        closeCode: UInt16? = nil,
        gaps: [SessionGap]? = nil,
        unsettledMilliseconds: Int? = nil,
        acknowledgedMilliseconds: Int? = nil
    ) {
        self.slot = slot
        self.epoch = epoch
        self.status = status
        self.session = session
        self.guilds = guilds
        self.eventsPerSecond = eventsPerSecond
        self.bytesPerSecond = bytesPerSecond
        self.latencyMilliseconds = latencyMilliseconds
        self.reason = reason
        self.closeCode = closeCode
        self.gaps = gaps
        self.unsettledMilliseconds = unsettledMilliseconds
        self.acknowledgedMilliseconds = acknowledgedMilliseconds
    }
}
