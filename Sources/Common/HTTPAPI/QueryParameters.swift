package import ClusterAPI
package import Hummingbird

/// The query of a request. A parameter that does nothing, or comes twice, is a caller's mistake.
package struct QueryParameters: Sendable {
    private var values: [String: String] = [:]

    /// - Parameter known: the parameters that the route has.
    package init(_ request: Request, known: [String] = []) throws(Problem) {
        for (key, value) in request.uri.queryParameters {
            guard known.contains(String(key)) else {
                let expected = known.isEmpty ? "none is expected" : "expected are \(known.joined(separator: ", "))"
                throw Problem(.badRequest, "query parameter \(key) is not known here: \(expected)")
            }
            guard self.values.updateValue(String(value), forKey: String(key)) == nil else {
                throw Problem(.badRequest, "\(key): it is expected once")
            }
        }
    }

    /// nil: not given.
    package subscript(_ name: String) -> String? { self.values[name] }

    package func int(_ name: String, default fallback: Int, in range: ClosedRange<Int>) throws(Problem) -> Int {
        guard let text = self.values[name] else { return fallback }
        guard let value = Int(text), range.contains(value) else {
            throw Problem(
                .badRequest, "\(name): a whole number from \(range.lowerBound) to \(range.upperBound) is expected")
        }
        return value
    }
}
