package import ClusterAPI
package import Discord

/// A slot as people name it: `12`, or in full `application.generation.shard`.
package struct SlotReference: Sendable, Equatable {
    /// nil: the only one.
    package let application: Snowflake?
    /// nil: the one in force.
    package let generation: Int?
    package let shard: Int

    /// - Parameters:
    ///   - application: of a shard's number alone.
    ///   - generation: likewise.
    package init(_ text: String, application: Snowflake?, generation: Int?) throws(ConsoleError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        func number(_ part: Substring) -> Int? {
            part.isEmpty || !part.utf8.allSatisfy { (48...57).contains($0) } ? nil : Int(part)
        }
        if parts.count == 1, let shard = number(parts[0]) {
            (self.application, self.generation, self.shard) = (application, generation, shard)
        } else if parts.count == 3, let id = Snowflake(parts[0]), let of = number(parts[1]),
            let shard = number(parts[2])
        {
            guard application == nil || application == id, generation == nil || generation == of else {
                throw ConsoleError(.usage, "\(text) names an application and generation, and the options name others")
            }
            (self.application, self.generation, self.shard) = (id, of, shard)
        } else {
            throw ConsoleError(
                .usage, "\"\(text)\" is no shard: a number such as 12, or application.generation.shard, is expected")
        }
    }

    /// nil: the cluster has none such, or it takes more to tell which one is meant.
    package func slot(in view: ClusterView) -> Slot? {
        let application =
            self.application.map { id in view.applications.first { $0.id == id } }
            ?? (view.applications.count == 1 ? view.applications.first : nil)
        return application.map {
            Slot(application: $0.id, generation: self.generation ?? $0.generation, shard: self.shard)
        }
    }
}

extension ClusterView.SlotView {
    package var slot: Slot { Slot(application: self.application, generation: self.generation, shard: self.shard) }
}
