/// An answer that refuses a request, with Discord's code (Discord docs, JSON Error Codes).
struct APIError: Error, Sendable, Equatable {
    let status: Int
    let code: Int
    let message: String
    var errors: JSONValue?

    init(_ status: Int, _ code: Int, _ message: String, errors: JSONValue? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors
    }

    var json: JSONValue {
        var object: JSONObject = ["message": .string(self.message), "code": .integer(self.code)]
        object["errors"] = self.errors
        return .object(object)
    }

    static let unauthorized = APIError(401, 0, "401: Unauthorized")
    static let notFound = APIError(404, 0, "404: Not Found")
    static let methodNotAllowed = APIError(405, 0, "405: Method Not Allowed")
    static let tooLarge = APIError(413, 40005, "Request entity too large")
    static let notJSON = APIError(400, 50109, "The request body contains invalid JSON.")
    static let internalError = APIError(500, 0, "500: Internal Server Error")

    static let unknownApplication = APIError(404, 10002, "Unknown Application")
    static let unknownChannel = APIError(404, 10003, "Unknown Channel")
    static let unknownGuild = APIError(404, 10004, "Unknown Guild")
    static let unknownMember = APIError(404, 10007, "Unknown Member")
    static let unknownMessage = APIError(404, 10008, "Unknown Message")
    static let unknownRole = APIError(404, 10011, "Unknown Role")
    static let unknownUser = APIError(404, 10013, "Unknown User")
    static let unknownEmoji = APIError(400, 10014, "Unknown Emoji")
    static let unknownWebhook = APIError(404, 10015, "Unknown Webhook")
    static let unknownInteraction = APIError(404, 10062, "Unknown interaction")
    static let unknownCommand = APIError(404, 10063, "Unknown application command")
    static let botsNotAllowed = APIError(403, 20001, "Bots cannot use this endpoint")
    static let onlyBots = APIError(403, 20002, "Only bots can use this endpoint")
    static let tooManyWebhooks = APIError(400, 30007, "Maximum number of webhooks reached (15)")
    static let tooManyReactions = APIError(400, 30010, "Maximum number of reactions reached (20)")
    static let tooManyChannels = APIError(400, 30013, "Maximum number of guild channels reached (500)")
    static let tooManyCommands = APIError(400, 30032, "Maximum number of application commands reached")
    static let alreadyAcknowledged = APIError(400, 40060, "Interaction has already been acknowledged.")
    static let missingAccess = APIError(403, 50001, "Missing Access")
    static let notYourMessage = APIError(403, 50005, "Cannot edit a message authored by another user")
    static let emptyMessage = APIError(400, 50006, "Cannot send an empty message")
    static let cannotMessageUser = APIError(403, 50007, "Cannot send messages to this user")
    static let notText = APIError(400, 50008, "Cannot send messages in a non-text channel")
    static let missingPermissions = APIError(403, 50013, "Missing Permissions")
    static let bulkDeleteCount = APIError(
        400, 50016,
        "Provided too few or too many messages to delete. Must provide at least 2 and fewer than 100 messages to delete"
    )
    static let wrongChannelType = APIError(400, 50024, "Cannot execute action on this channel type")
    static let invalidWebhookToken = APIError(401, 50027, "Invalid Webhook Token")
    static let invalidRecipients = APIError(400, 50033, "Invalid Recipient(s)")
    static let tooOldToBulkDelete = APIError(
        400, 50034, "You can only bulk delete messages that are under 14 days old.")

    /// 50035 with the tree of what is wrong.
    static func form(_ errors: FormErrors) -> APIError {
        APIError(400, 50035, "Invalid Form Body", errors: errors.tree)
    }

    /// 50035 for one field.
    static func form(_ path: String..., code: String, _ message: String) -> APIError {
        var errors = FormErrors()
        errors.add(path, code: code, message)
        return .form(errors)
    }
}

/// Collects what is wrong with a body, in the shape of the body: `{"content":{"_errors":[{code,message}]}}`.
struct FormErrors: Sendable, Equatable {
    private(set) var tree: JSONValue = .object([:])
    var isEmpty: Bool { self.tree.object?.members.isEmpty ?? true }

    /// Nobody reads more of them, and each costs more than the last.
    private static let most = 50
    private var count = 0

    mutating func add(_ path: [String], code: String, _ message: String) {
        guard self.count < Self.most else { return }
        self.count += 1
        self.tree = Self.inserting(
            ["code": .string(code), "message": .string(message)], at: path[...], into: self.tree.object ?? [:])
    }

    private static func inserting(_ leaf: JSONValue, at path: ArraySlice<String>, into object: JSONObject) -> JSONValue
    {
        var object = object
        if let key = path.first {
            object[key] = Self.inserting(leaf, at: path.dropFirst(), into: object[key]?.object ?? [:])
        } else {
            object["_errors"] = .array((object["_errors"]?.array ?? []) + [leaf])
        }
        return .object(object)
    }

    func throwIfAny() throws(APIError) {
        if !self.isEmpty { throw .form(self) }
    }
}
