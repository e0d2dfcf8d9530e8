import Discord
import NIOCore

/// What a caller wants a message to say, checked for form.
struct MessageDraft: Sendable {
    var content: String?
    var isTTS = false
    var flags: Int?
    var nonce: JSONValue?
    var enforcesNonce = false
    var embeds: [JSONValue]?
    var components: [JSONValue]?
    var attachments: [JSONValue]?
    var allowedMentions: AllowedMentions?
    var replyTo: Snowflake?
    var failsIfReplyIsMissing = true
    var hasStickersOrPoll = false

    /// Every reader of a channel gets all of it: a larger one would fill up the connections of all of them.
    private static let mostRichBytes = 64 << 10

    /// - Parameter uploads: attachment objects for the files of the same request.
    init(_ body: JSONValue, uploads: [JSONValue] = []) throws(APIError) {
        guard body.object != nil else {
            throw .form(code: "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        }
        var errors = FormErrors()
        self.content = Self.content(body["content"], &errors)
        self.isTTS = body["tts"]?.bool ?? false
        self.flags = body["flags"]?.integer.map { Int(clamping: $0) }
        self.nonce = Self.nonce(body["nonce"], &errors)
        self.enforcesNonce = body["enforce_nonce"]?.bool ?? false
        self.embeds = Self.embeds(body["embeds"] ?? body["embed"].map { $0.isNull ? .null : [$0] }, &errors)
        self.components = Self.list(body["components"], "components", limit: 40, &errors).map(ComponentIDs.number)
        self.attachments = Self.attachments(body["attachments"], uploads: uploads)
        for name in ["embeds", "components", "attachments"] {
            guard let value = body[name], value.encoded.readableBytes > Self.mostRichBytes else { continue }
            errors.add([name], code: "BASE_TYPE_MAX_LENGTH", "Must be \(Self.mostRichBytes) bytes or fewer.")
        }
        self.allowedMentions = AllowedMentions(body["allowed_mentions"], &errors)
        if let reference = body["message_reference"], !reference.isNull {
            self.replyTo = reference["message_id"]?.snowflake
            self.failsIfReplyIsMissing = reference["fail_if_not_exists"]?.bool ?? true
            if self.replyTo == nil {
                errors.add(["message_reference", "message_id"], code: "BASE_TYPE_REQUIRED", "This field is required")
            }
        }
        self.hasStickersOrPoll = !(body["sticker_ids"]?.array ?? []).isEmpty || body["poll"]?.object != nil
        try errors.throwIfAny()
    }

    /// Whether there is anything to show.
    var isEmpty: Bool {
        (self.content ?? "").allSatisfy(\.isWhitespace) && (self.embeds ?? []).isEmpty
            && (self.components ?? []).isEmpty
            && (self.attachments ?? []).isEmpty && !self.hasStickersOrPoll
    }

    private static func content(_ json: JSONValue?, _ errors: inout FormErrors) -> String? {
        switch json {
        case nil: return nil
        case .null: return ""
        case .string(let text):
            // Discord counts code points.
            if text.unicodeScalars.count > 2000 {
                errors.add(["content"], code: "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")
            }
            return text
        case .integer, .number, .bool: return json?.text
        case .array, .object:
            errors.add(["content"], code: "STRING_TYPE_CONVERT", "Could not interpret \"content\" as string.")
            return nil
        }
    }

    private static func nonce(_ json: JSONValue?, _ errors: inout FormErrors) -> JSONValue? {
        switch json {
        case .string(let text) where text.utf8.count > 25:
            errors.add(["nonce"], code: "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length.")
            return nil
        case .string, .integer: return json
        case .number, .bool, .array, .object:
            errors.add(["nonce"], code: "NONCE_TYPE_CONVERT", "Must be a string or an integer.")
            return nil
        case .null, nil: return nil
        }
    }

    private static func list(
        _ json: JSONValue?, _ name: String, limit: Int, _ errors: inout FormErrors
    ) -> [JSONValue]? {
        switch json {
        case nil: return nil
        case .null: return []
        case .array(let items) where items.count <= limit && items.allSatisfy({ $0.object != nil }): return items
        case .array(let items):
            if items.count > limit {
                errors.add([name], code: "BASE_TYPE_MAX_LENGTH", "Must be \(limit) or fewer in length.")
            }
            for (index, item) in items.prefix(limit).enumerated() where item.object == nil {
                errors.add(
                    [name, String(index)], code: "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            }
            return nil
        default:
            errors.add([name], code: "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return nil
        }
    }

    private static let embedLimits = [("title", 256), ("description", 4096)]

    private static func embeds(_ json: JSONValue?, _ errors: inout FormErrors) -> [JSONValue]? {
        guard let items = Self.list(json, "embeds", limit: 10, &errors) else { return nil }
        return items.enumerated().map { index, item in
            var object = item.object ?? [:]
            for (key, limit) in Self.embedLimits where (object[key]?.string?.unicodeScalars.count ?? 0) > limit {
                errors.add(
                    ["embeds", String(index), key], code: "BASE_TYPE_MAX_LENGTH", "Must be \(limit) or fewer in length."
                )
            }
            if (object["fields"]?.array?.count ?? 0) > 25 {
                errors.add(
                    ["embeds", String(index), "fields"], code: "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
            }
            object["type"] = "rich"
            return .object(object)
        }
    }

    /// Uploaded files, with what the body says about each by its `id` (the file's number); on edits also those to keep.
    private static func attachments(_ json: JSONValue?, uploads: [JSONValue]) -> [JSONValue]? {
        guard let described = json?.array else { return uploads.isEmpty ? nil : uploads }
        let kept = described.filter { $0["url"]?.string != nil || ($0["id"]?.snowflake?.rawValue ?? 0) > 1 << 22 }
        let merged = uploads.enumerated().map { index, upload -> JSONValue in
            var object = upload.object ?? [:]
            let description = described.first { $0["id"]?.snowflake?.rawValue == UInt64(index) }
            if let text = description?["description"]?.string { object["description"] = .string(text) }
            return .object(object)
        }
        return kept + merged
    }
}
