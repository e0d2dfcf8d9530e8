import Discord
import Foundation

/// One method and path template of the API, with its limit and what it does.
struct Route: Sendable {
    enum Authorization: Sendable {
        case required
        /// The path's token is the right, or none is needed.
        case none
    }

    /// How a route is limited.
    enum Bucket: Sendable {
        /// By the global limit only.
        case globalOnly
        /// Not limited at all, and no headers: interaction callbacks.
        case exempt
        /// Limited by itself; callers without the global limit (webhooks, follow-ups) say so.
        case limit(Limit, countsGlobally: Bool = true)
        /// Webhook execution: its own limit and its channel's hidden one.
        case webhook
    }

    typealias Handler = @Sendable (RESTRequest, RESTService) async throws -> RESTResponse

    let method: String
    let template: String
    let authorization: Authorization
    let bucket: Bucket
    /// Routes that share a limit share a name; by default a route's own.
    let bucketName: String
    let handler: Handler

    init(
        _ method: String,
        _ template: String,
        _ bucket: Bucket = .limit(.init(requests: 50, window: .seconds(1))),
        authorization: Authorization = .required,
        sharing bucketName: String? = nil,
        handler: @escaping Handler
    ) {
        self.method = method
        self.template = template
        self.authorization = authorization
        self.bucket = bucket
        self.bucketName = bucketName ?? "\(method) \(template)"
        self.handler = handler
    }

    /// The values of the path's major parameter: channel, guild, or webhook with its token (Discord docs, Rate Limits).
    func major(_ parameters: [String: String]) -> String {
        for name in ["channel", "guild"] {
            if let value = parameters[name] { return value }
        }
        guard let webhook = parameters["webhook"] else { return "" }
        return parameters["token"].map { "\(webhook)/\($0)" } ?? webhook
    }
}

/// Finds the route of a method and path.
struct RouteTable: Sendable {
    enum Match: Sendable {
        case found(Route, parameters: [String: String])
        case unknownPath
        case wrongMethod
    }

    private enum Segment: Sendable, Equatable {
        case literal(String)
        case parameter(String)
    }

    private struct Entry: Sendable {
        let segments: [Segment]
        let route: Route
    }

    /// By the number of segments. Among templates that fit, the one with the earliest literal wins.
    private var entries: [Int: [Entry]] = [:]

    init(_ routes: [Route]) {
        for route in routes {
            let segments = route.template.split(separator: "/").map { part -> Segment in
                part.hasPrefix("{") ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
            }
            self.entries[segments.count, default: []].append(Entry(segments: segments, route: route))
        }
    }

    /// - Parameter path: percent-encoded, without the API's prefix and the query.
    func match(method: String, path: Substring) -> Match {
        let parts = path.split(separator: "/").map { String($0).removingPercentEncoding ?? String($0) }
        var best: (entry: Entry, rank: [Bool])?
        var pathIsKnown = false
        for entry in self.entries[parts.count] ?? [] where Self.fits(entry.segments, parts) {
            pathIsKnown = true
            guard entry.route.method == method else { continue }
            let rank = entry.segments.map { if case .literal = $0 { true } else { false } }
            if let known = best, !known.rank.lexicographicallyPrecedes(rank, by: { !$0 && $1 }) { continue }
            best = (entry, rank)
        }
        guard let best else { return pathIsKnown ? .wrongMethod : .unknownPath }
        var parameters: [String: String] = [:]
        for (segment, part) in zip(best.entry.segments, parts) {
            if case .parameter(let name) = segment { parameters[name] = part }
        }
        return .found(best.entry.route, parameters: parameters)
    }

    private static func fits(_ segments: [Segment], _ parts: [String]) -> Bool {
        zip(segments, parts).allSatisfy { segment, part in
            switch segment {
            case .literal(let text): text == part
            case .parameter: true
            }
        }
    }
}
