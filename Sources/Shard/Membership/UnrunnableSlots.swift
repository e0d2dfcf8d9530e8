import ClusterAPI

/// Slots that were granted to this process and can't be run here. They are told as failed, so that an operator sees
/// them, until the coordinator takes them back.
struct UnrunnableSlots: Sendable {
    private var slots: [Slot: ObservedSlot] = [:]

    var observed: [ObservedSlot] { self.slots.values.sorted { $0.slot < $1.slot } }

    mutating func refuse(_ grant: SlotGrant, reason: String) {
        self.slots[grant.slot] = Self.told(grant.slot, grant.epoch, .failed, grant.session, grant.guilds, reason)
    }

    /// Whether the slot is one of these.
    mutating func release(_ slot: Slot) -> Bool {
        guard let told = self.slots[slot] else { return false }
        self.slots[slot] = Self.told(slot, told.epoch, .released, told.session, told.guilds, told.reason)
        return true
    }

    mutating func forget(_ slot: Slot) { self.slots[slot] = nil }

    /// The session stays as it was granted: another process may still resume it.
    private static func told(
        _ slot: Slot, _ epoch: Int64, _ status: SlotStatus, _ session: SessionState?, _ guilds: Int, _ reason: String?
    ) -> ObservedSlot {
        ObservedSlot(slot: slot, epoch: epoch, status: status, session: session, guilds: guilds, reason: reason)
    }
}
