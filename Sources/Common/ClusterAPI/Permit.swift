/// Asks for leave to send one IDENTIFY.
package struct PermitRequest: Sendable, Codable, Equatable {
    package let member: String
    package let incarnation: Int
    package let slot: Slot
    package let epoch: Int64

    package init(member: String, incarnation: Int, slot: Slot, epoch: Int64) {
        self.member = member
        self.incarnation = incarnation
        self.slot = slot
        self.epoch = epoch
    }
}

package struct PermitAnswer: Sendable, Codable, Equatable {
    /// The permit is for an IDENTIFY that is sent within this time; nil: not now.
    package let validMilliseconds: Int?
    /// When to ask again; nil with a permit.
    package let retryAfterMilliseconds: Int?
    /// Why not now, for people.
    package let reason: String?

    package init(validMilliseconds: Int?, retryAfterMilliseconds: Int?, reason: String?) {
        self.validMilliseconds = validMilliseconds
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.reason = reason
    }
}
