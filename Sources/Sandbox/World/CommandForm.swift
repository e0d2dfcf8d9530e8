/// Checks an application command's definition (Discord docs, Application Commands, Create).
struct CommandForm {
    private static let keys: Set<String> = [
        "name", "name_localizations", "description", "description_localizations", "options",
        "default_member_permissions",
        "dm_permission", "default_permission", "nsfw", "integration_types", "contexts", "type", "handler",
    ]

    let name: String
    let kind: Int
    let definition: JSONValue

    init(_ body: JSONValue) throws(APIError) {
        var errors = FormErrors()
        let parsed = CommandForm(body, path: [], &errors)
        try errors.throwIfAny()
        self = parsed
    }

    /// For a list: the errors of item `n` lie under its index.
    init(_ body: JSONValue, path: [String], _ errors: inout FormErrors) {
        self.kind = Int(clamping: body["type"]?.integer ?? 1)
        self.name = body["name"]?.string ?? ""
        if !(1...4).contains(self.kind) {
            errors.add(path + ["type"], code: "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3, 4}.")
        }
        if body["name"]?.string == nil {
            errors.add(path + ["name"], code: "BASE_TYPE_REQUIRED", "This field is required")
        } else if !Self.isValid(name: self.name, anyCase: self.kind != 1) {
            errors.add(path + ["name"], code: "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
        }
        if self.kind == 1 { Self.checkDescription(body, path, &errors) }
        if let permissions = body["default_member_permissions"], !permissions.isNull, permissions.snowflake == nil {
            errors.add(
                path + ["default_member_permissions"], code: "NUMBER_TYPE_COERCE", "Must be permission bits or null.")
        }
        Self.checkOptions(body["options"], path, depth: 0, &errors)
        let members = (body.object ?? [:]).members.filter {
            Self.keys.contains($0.key) && $0.key != "name" && $0.key != "type"
        }
        self.definition = .object(JSONObject(members: members))
    }

    private static func checkDescription(_ body: JSONValue, _ path: [String], _ errors: inout FormErrors) {
        guard let text = body["description"]?.string else {
            errors.add(path + ["description"], code: "BASE_TYPE_REQUIRED", "This field is required")
            return
        }
        if !(1...100).contains(text.count) {
            errors.add(path + ["description"], code: "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
        }
    }

    private static func checkOptions(_ json: JSONValue?, _ path: [String], depth: Int, _ errors: inout FormErrors) {
        guard let options = json?.array else { return }
        if options.count > 25 {
            errors.add(path + ["options"], code: "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
        }
        var sawOptional = false
        for (index, option) in options.prefix(25).enumerated() {
            let place = path + ["options", String(index)]
            let type = option["type"]?.integer ?? 0
            if !(1...11).contains(type) {
                errors.add(place + ["type"], code: "BASE_TYPE_CHOICES", "Value must be one of 1 to 11.")
            }
            if !Self.isValid(name: option["name"]?.string ?? "", anyCase: false) {
                errors.add(place + ["name"], code: "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
            }
            Self.checkDescription(option, place, &errors)
            if (option["choices"]?.array?.count ?? 0) > 25 {
                errors.add(place + ["choices"], code: "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
            }
            if type > 2 {
                let required = option["required"]?.bool ?? false
                if required, sawOptional {
                    errors.add(
                        place, code: "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                        "Required options must be placed before non-required options")
                }
                sawOptional = sawOptional || !required
            } else if depth >= 2 {
                errors.add(place + ["type"], code: "BASE_TYPE_CHOICES", "Subcommands nest at most one group deep.")
            }
            Self.checkOptions(option["options"], place, depth: depth + 1, &errors)
        }
    }

    /// `^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$`, lower case for slash commands and options.
    static func isValid(name: String, anyCase: Bool) -> Bool {
        guard (1...32).contains(name.unicodeScalars.count) else { return false }
        if anyCase { return true }
        guard name == name.lowercased() else { return false }
        return name.unicodeScalars.allSatisfy { scalar in
            switch scalar.properties.generalCategory {
            case .lowercaseLetter, .uppercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
                .letterNumber, .otherNumber, .nonspacingMark, .spacingMark:
                true
            default: scalar == "-" || scalar == "_" || scalar == "'"
            }
        }
    }
}
