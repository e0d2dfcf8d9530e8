/// Numbers a message's components as Discord does: those without an `id`, or with 0, get the lowest ones that are free,
/// in order (Discord docs, Component Reference, Anatomy of a Component).
struct ComponentIDs {
    private var taken: Set<Int64> = []
    private var last: Int64 = 0

    static func number(_ components: [JSONValue]) -> [JSONValue] {
        var ids = ComponentIDs()
        for component in components { ids.collect(component) }
        return components.map { ids.numbered($0) }
    }

    private static let parts = ["component", "accessory"]

    private mutating func collect(_ component: JSONValue) {
        if let id = component["id"]?.integer, id != 0 { self.taken.insert(id) }
        for part in component["components"]?.array ?? [] { self.collect(part) }
        for key in Self.parts { if let part = component[key] { self.collect(part) } }
    }

    private mutating func numbered(_ component: JSONValue) -> JSONValue {
        guard var object = component.object else { return component }
        if object["id"]?.integer ?? 0 == 0 {
            repeat { self.last += 1 } while self.taken.contains(self.last)
            object["id"] = .integer(self.last)
        }
        if let parts = object["components"]?.array {
            object["components"] = .array(parts.map { self.numbered($0) })
        }
        for key in Self.parts { if let part = object[key] { object[key] = self.numbered(part) } }
        return .object(object)
    }
}
