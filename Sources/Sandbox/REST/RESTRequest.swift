import Discord
import NIOCore

/// One request as the routes see it: parsed, authenticated, not yet judged.
struct RESTRequest: Sendable {
    var method: String
    /// Percent-encoded, without the query.
    var path: String
    var query: [(name: String, value: String)] = []
    var authorization: String?
    var contentType: String?
    var body = ByteBuffer()
    /// The caller's address, who is limited where there is no token.
    var peer = "unknown"
    /// Whether it came over TLS.
    var isSecure = false

    /// By the router: what the template's braces stand for.
    var parameters: [String: String] = [:]
    /// By the service: who calls.
    var caller: User?
    /// By the service: the parsed body.
    var form = RESTBody()

    func queryValue(_ name: String) -> String? { self.query.last { $0.name == name }?.value }

    func queryFlag(_ name: String) -> Bool {
        ["true", "True", "1"].contains(self.queryValue(name) ?? "")
    }

    /// A snowflake of the path. What is no number is no id of anything.
    func id(_ name: String) throws(APIError) -> Snowflake {
        guard let id = self.parameters[name].flatMap({ Snowflake($0) }) else {
            throw .form(
                name, code: "NUMBER_TYPE_COERCE",
                "Value \"\((self.parameters[name] ?? "").prefix(40))\" is not snowflake.")
        }
        return id
    }

    func requireCaller() throws(APIError) -> User {
        guard let caller else { throw .unauthorized }
        return caller
    }

    func requireBot() throws(APIError) -> User {
        let caller = try self.requireCaller()
        guard caller.isBot else { throw .onlyBots }
        return caller
    }

    func requirePerson() throws(APIError) -> User {
        let caller = try self.requireCaller()
        guard !caller.isBot else { throw .botsNotAllowed }
        return caller
    }

    func queryID(_ name: String) throws(APIError) -> Snowflake? {
        guard let text = self.queryValue(name) else { return nil }
        guard let id = Snowflake(text) else {
            throw .form(name, code: "NUMBER_TYPE_COERCE", "Value \"\(text.prefix(40))\" is not snowflake.")
        }
        return id
    }

    func queryLimit(_ name: String = "limit", default value: Int, in range: ClosedRange<Int>) throws(APIError) -> Int {
        guard let text = self.queryValue(name) else { return value }
        guard let number = Int(text), range.contains(number) else {
            throw .form(
                name, code: "NUMBER_TYPE_RANGE",
                "int value should be between \(range.lowerBound) and \(range.upperBound).")
        }
        return number
    }
}

struct RESTResponse: Sendable {
    var status: Int
    var body: JSONValue?
    /// Bytes that are no JSON, with their type.
    var file: (type: String, bytes: ByteBuffer)?
    var headers: [(name: String, value: String)] = []

    static func json(_ body: JSONValue, status: Int = 200) -> RESTResponse { RESTResponse(status: status, body: body) }
    /// JSON that is encoded already.
    static func json(_ bytes: ByteBuffer, status: Int = 200) -> RESTResponse {
        RESTResponse(status: status, file: ("application/json", bytes))
    }

    static let noContent = RESTResponse(status: 204)

    static func error(_ error: APIError) -> RESTResponse { .json(error.json, status: error.status) }
}
