/// An error answer after RFC 9457 (`application/problem+json`).
package struct Problem: Error, Sendable, Codable, Equatable, CustomStringConvertible {
    package static let contentType = "application/problem+json"

    /// What programs switch on.
    package enum Code: String, Sendable, Codable {
        case badRequest = "bad_request"
        case unauthorized, forbidden
        case notFound = "not_found"
        /// The incarnation is over: register again.
        case staleIncarnation = "stale_incarnation"
        case payloadTooLarge = "payload_too_large"
        case tooManyRequests = "too_many_requests"
        case `internal`
        case unavailable
    }

    package let type: String
    package let title: String
    package let status: Int
    package let detail: String
    package let code: Code

    package init(_ code: Code, _ detail: String) {
        self.type = "about:blank"
        self.code = code
        self.detail = detail
        (self.status, self.title) =
            switch code {
            case .badRequest: (400, "Bad Request")
            case .unauthorized: (401, "Unauthorized")
            case .forbidden: (403, "Forbidden")
            case .notFound: (404, "Not Found")
            case .staleIncarnation: (409, "Conflict")
            case .payloadTooLarge: (413, "Content Too Large")
            case .tooManyRequests: (429, "Too Many Requests")
            case .internal: (500, "Internal Server Error")
            case .unavailable: (503, "Service Unavailable")
            }
    }

    package var description: String { "\(self.status) \(self.title): \(self.detail)" }
}
