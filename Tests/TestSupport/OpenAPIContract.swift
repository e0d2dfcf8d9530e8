package import Foundation

/// An OpenAPI document, to hold what a server does against. It knows as much of JSON Schema as our documents use.
package struct OpenAPIContract {
    private typealias Object = [String: Any]

    package struct Unreadable: Error {}

    private let document: [String: Any]

    package init(_ data: Data) throws {
        guard let document = try JSONSerialization.jsonObject(with: data) as? Object else { throw Unreadable() }
        self.document = document
    }

    /// Such as `GET /v1/cluster`.
    package var operations: Set<String> {
        let paths = self.document["paths"] as? [String: Object] ?? [:]
        return Set(paths.flatMap { path, methods in methods.keys.map { "\($0.uppercased()) \(path)" } })
    }

    /// Names of the security schemes of which each lets a caller in; nil: there is no such operation.
    package func callers(of operation: String) -> Set<String>? {
        let parts = operation.split(separator: " ", maxSplits: 1).map(String.init)
        let paths = self.document["paths"] as? [String: Object]
        guard parts.count == 2, let found = paths?[parts[1]]?[parts[0].lowercased()] as? Object else { return nil }
        return Set((found["security"] as? [Object] ?? []).flatMap(\.keys))
    }

    /// Where a value's JSON is not what a schema of the document says, by place.
    /// - Parameter isComplete: whether the value has everything that there may be: then a property that it lacks is one
    ///   that the schema has invented.
    package func mistakes(in json: Data, schema name: String, isComplete: Bool) throws -> [String] {
        let value = try JSONSerialization.jsonObject(with: json, options: .fragmentsAllowed)
        return self.mistakes(value, ["$ref": "#/components/schemas/\(name)"], name, isComplete)
    }

    private func mistakes(_ value: Any, _ schema: [String: Any], _ place: String, _ isComplete: Bool) -> [String] {
        if let reference = schema["$ref"] as? String {
            guard let found = self.resolve(reference) else { return ["\(place): \(reference) is not in the document"] }
            return self.mistakes(value, found, place, isComplete)
        }
        if let allowed = schema["enum"] as? [String] {
            return (value as? String).map(allowed.contains) == true ? [] : ["\(place): is none of \(allowed)"]
        }
        switch schema["type"] as? String {
        case "object":
            guard let object = value as? Object else { return ["\(place): is no object"] }
            return self.mistakes(of: object, schema, place, isComplete)
        case "array":
            guard let list = value as? [Any], let items = schema["items"] as? Object else {
                return ["\(place): is no array"]
            }
            if isComplete, list.isEmpty { return ["\(place): has nothing to compare"] }
            return list.enumerated().flatMap { self.mistakes($1, items, "\(place)[\($0)]", isComplete) }
        case "string":
            guard let text = value as? String else { return ["\(place): is no string"] }
            guard let pattern = schema["pattern"] as? String else { return [] }
            return text.range(of: pattern, options: .regularExpression) == nil ? ["\(place): is not \(pattern)"] : []
        case "boolean": return value is Bool ? [] : ["\(place): is no boolean"]
        case "integer", "number":
            guard let number = value as? Double else { return ["\(place): is no number"] }
            if schema["type"] as? String == "integer", number != number.rounded() { return ["\(place): is not whole"] }
            if let least = schema["minimum"] as? Double, number < least { return ["\(place): is below \(least)"] }
            return []
        default: return ["\(place): the schema has no type that is known here"]
        }
    }

    private func mistakes(
        of object: [String: Any], _ schema: [String: Any], _ place: String, _ isComplete: Bool
    ) -> [String] {
        let properties = schema["properties"] as? [String: Object] ?? [:]
        let required = schema["required"] as? [String] ?? []
        var mistakes = required.filter { object[$0] == nil }.map { "\(place).\($0): is required, and missing" }
        mistakes += required.filter { properties[$0] == nil }.map { "\(place).\($0): is required, and not described" }
        if isComplete {
            mistakes += properties.keys.filter { object[$0] == nil }.sorted().map { "\(place).\($0): does not exist" }
        }
        for (name, value) in object.sorted(by: { $0.key < $1.key }) {
            if let property = properties[name] {
                mistakes += self.mistakes(value, property, "\(place).\(name)", isComplete)
            } else {
                mistakes.append("\(place).\(name): is not in the schema")
            }
        }
        return mistakes
    }

    private func resolve(_ reference: String) -> [String: Any]? {
        var found: Any? = self.document
        for part in reference.split(separator: "/").dropFirst() { found = (found as? Object)?[String(part)] }
        return found as? Object
    }
}

/// Places where a value has nothing: nil, or an empty list. A sample that is to have everything has none.
package func emptyPlaces(of value: Any, at place: String = "") -> [String] {
    let mirror = Mirror(reflecting: value)
    switch mirror.displayStyle {
    case .optional?:
        guard let some = mirror.children.first else { return [place] }
        return emptyPlaces(of: some.value, at: place)
    case .collection?:
        guard !mirror.children.isEmpty else { return [place] }
        return mirror.children.enumerated().flatMap { emptyPlaces(of: $1.value, at: "\(place)[\($0)]") }
    case .struct?:
        return mirror.children.flatMap { emptyPlaces(of: $0.value, at: "\(place).\($0.label ?? "")") }
    default: return []
    }
}
