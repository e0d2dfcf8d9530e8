package import Foundation

/// What an operator's token allows.
package enum OperatorRole: String, Sendable, Codable, CaseIterable {
    /// To read, and to ask what an operation would do.
    case view
    /// To change the cluster as well.
    case operate
}

/// A part of the audit log, the latest entry first.
package struct AuditPage: Sendable, Codable, Equatable {
    package let items: [AuditEntry]
    /// Asks for the entries before these; nil: there are none.
    package let nextCursor: String?

    package init(items: [AuditEntry], nextCursor: String?) {
        self.items = items
        self.nextCursor = nextCursor
    }
}

/// A part of the gap records, the latest first.
package struct GapPage: Sendable, Codable, Equatable {
    package let items: [ClusterView.Gap]
    /// Asks for the records before these; nil: there are none.
    package let nextCursor: String?

    package init(items: [ClusterView.Gap], nextCursor: String?) {
        self.items = items
        self.nextCursor = nextCursor
    }
}

/// One thing that became different in the cluster.
package struct ClusterChange: Sendable, Codable, Equatable {
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case leader, member, slot, lane, application, reshard, restart, gap
    }

    package let at: Date
    package let kind: Kind
    /// A member's id, a slot as `application.generation.shard`, a lane's number, an application's id.
    package let target: String
    /// What it is now, in a few words: `ready on shard-2`, `lost`.
    package let detail: String

    package init(at: Date, kind: Kind, target: String, detail: String) {
        self.at = at
        self.kind = kind
        self.target = target
        self.detail = detail
    }
}

/// What changed since a cursor, the oldest first.
package struct ChangePage: Sendable, Codable, Equatable {
    package let changes: [ClusterChange]
    /// Asks for what comes after these.
    package let cursor: String
    /// The cursor was too old or another leader's: something may be missing, so the whole has to be read again.
    package let isReset: Bool

    package init(changes: [ClusterChange], cursor: String, isReset: Bool) {
        self.changes = changes
        self.cursor = cursor
        self.isReset = isReset
    }
}

/// Which coordinator leads.
package struct LeaderView: Sendable, Codable, Equatable {
    package let holder: String?
    /// Where members and operators reach it; nil: it did not tell.
    package let url: String?
    package let epoch: Int64
    /// Whether the one that answers leads.
    package let isThis: Bool

    package init(holder: String?, url: String?, epoch: Int64, isThis: Bool) {
        self.holder = holder
        self.url = url
        self.epoch = epoch
        self.isThis = isThis
    }
}
