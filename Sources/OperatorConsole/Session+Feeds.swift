package import ClusterAPI
import ClusterClient
package import Discord

extension Session {
    /// How long the coordinator may hold an answer of the change feed, in milliseconds.
    private static let hold = 20_000

    /// Prints changes as they come, without end.
    ///
    /// - Parameter kinds: which; none stands for all.
    package func follow(kinds: Set<ClusterChange.Kind>, isJSON: Bool) async throws {
        var cursor: String?
        var isAway = false
        while true {
            do {
                let page = try await self.client.changes(after: cursor, waitMilliseconds: cursor == nil ? 0 : Self.hold)
                if isAway { self.console.note("the coordinator answers again") }
                isAway = false
                if page.isReset, cursor != nil {
                    self.console.note("the feed begins anew: some changes may be missing")
                }
                try self.show(page.changes.filter { kinds.isEmpty || kinds.contains($0.kind) }, isJSON: isJSON)
                // A feed that moves nowhere and is not held would be asked without end.
                if page.changes.isEmpty, page.cursor == cursor { try await Task.sleep(for: .milliseconds(200)) }
                cursor = page.cursor
            } catch let error as OperatorClient.Failure {
                guard cursor != nil, error.code == .unreachable else { throw error }
                if !isAway { self.console.note("\(HarmlessText.of(error.message)); asking again each second") }
                isAway = true
                try await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func show(_ changes: [ClusterChange], isJSON: Bool) throws {
        self.console.print(
            try changes.map {
                isJSON ? try JSONText.of($0, isPretty: false) : ChangeLine.text($0, paint: self.console.paint)
            })
    }

    /// The latest entries of the audit log, the latest first.
    package func audit(
        most: Int, actor: String?, action: String?, application: Snowflake?
    ) async throws -> [AuditEntry] {
        try await self.pages(most: most) { limit, cursor in
            let page = try await self.client.audit(
                limit: limit, cursor: cursor, actor: actor, action: action, application: application)
            return (page.items, page.nextCursor)
        }
    }

    /// The latest gap records, the latest first.
    package func gaps(most: Int, application: Snowflake?) async throws -> [ClusterView.Gap] {
        try await self.pages(most: most) { limit, cursor in
            let page = try await self.client.gaps(limit: limit, cursor: cursor, application: application)
            return (page.items, page.nextCursor)
        }
    }

    private func pages<Item>(
        most: Int, _ page: (_ limit: Int, _ cursor: String?) async throws -> ([Item], String?)
    ) async throws -> [Item] {
        var items: [Item] = []
        var cursor: String?
        repeat {
            let (more, next) = try await page(min(100, most - items.count), cursor)
            items += more
            // A page that brings nothing ends it, whatever it says.
            cursor = more.isEmpty ? nil : next
        } while cursor != nil && items.count < most
        return Array(items.prefix(most))
    }
}
