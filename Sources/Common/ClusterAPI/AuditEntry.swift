package import Foundation

/// One change that somebody asked for, or that the coordinator made of itself.
package struct AuditEntry: Sendable, Codable, Hashable {
    package let at: Date
    /// Who asked; `coordinator` where nobody did.
    package let actor: String
    /// Such as `drain` or `reshard`.
    package let action: String
    /// What it was done to: a member, a slot, an application.
    package let target: String
    /// With what, and what came of it, for people.
    package let detail: String

    package init(at: Date, actor: String, action: String, target: String, detail: String) {
        self.at = at
        self.actor = actor
        self.action = action
        self.target = target
        self.detail = detail
    }
}
