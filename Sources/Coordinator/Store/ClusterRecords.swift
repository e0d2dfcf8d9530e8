import ClusterAPI
import CoordinatorCore
import Discord
import HTTPAPI
import Postgres

/// What is written down for good, read page by page: the audit log and the gaps.
struct ClusterRecords: Sendable {
    static let mostItems = 500
    private static let timeout: Duration = .seconds(3)

    let pool: PostgresPool

    /// The latest first.
    /// - Parameters:
    ///   - application: only of this one, its slots included.
    ///   - before: only entries before this one.
    func audit(
        limit: Int, before: Int64?, actor: String? = nil, action: String? = nil, application: Snowflake? = nil
    ) async throws -> AuditPage {
        var conditions: SQL = "true"
        if let before { conditions = "\(conditions) and id < \(before)" }
        if let actor { conditions = "\(conditions) and actor = \(actor)" }
        if let action { conditions = "\(conditions) and action = \(action)" }
        if let application {
            conditions = "\(conditions) and (target = \("\(application)") or target like \("\(application).%"))"
        }
        let rows = try await self.pool.query(
            "select * from audit where \(conditions) order by id desc limit \(limit + 1)", timeout: Self.timeout)
        return AuditPage(
            items: try rows.prefix(limit).map {
                AuditEntry(
                    at: try $0.decode("at"), actor: try $0.decode("actor"), action: try $0.decode("action"),
                    target: try $0.decode("target"), detail: try $0.decode("detail"))
            },
            nextCursor: try Self.next(rows, limit: limit))
    }

    /// The latest first.
    func gaps(limit: Int, before: Int64?, application: Snowflake? = nil) async throws -> GapPage {
        var conditions: SQL = "true"
        if let before { conditions = "\(conditions) and id < \(before)" }
        if let application { conditions = "\(conditions) and application = \(application.rawValue)" }
        let rows = try await self.pool.query(
            """
            select *, (extract(epoch from at) * 1000)::bigint as milliseconds from gaps
            where \(conditions) order by id desc limit \(limit + 1)
            """,
            timeout: Self.timeout)
        return GapPage(
            items: try rows.prefix(limit).map { row in
                let found = try ClusterStore.gap(from: row)
                return .init(slot: found.slot, gap: found.gap, member: found.member)
            },
            nextCursor: try Self.next(rows, limit: limit))
    }

    /// One row more than was asked for shows that there are others.
    private static func next(_ rows: [PostgresRow], limit: Int) throws -> String? {
        guard rows.count > limit else { return nil }
        return PageCursor.text(try rows[limit - 1].decode("id"))
    }
}
