import Discord
import NIOCore
import Testing

@testable import Sandbox

/// What a person may use of what a bot offers. The world alone, without sockets.
@Suite struct InteractionUseTests {
    var world: World
    let alice: Snowflake
    let bob: Snowflake
    let bot = DemoWorld.applicationID
    let general: Snowflake

    private static let row: JSONValue = [
        "type": 1,
        "components": [
            ["type": 2, "style": 1, "custom_id": "yes", "label": "Yes"],
            ["type": 2, "style": 2, "custom_id": "no", "label": "No", "disabled": true],
        ],
    ]
    private static let selects: JSONValue = [
        "type": 17,
        "components": [
            [
                "type": 1,
                "components": [
                    [
                        "type": 3, "custom_id": "colour", "min_values": 1, "max_values": 2,
                        "options": [["label": "R", "value": "r"], ["label": "G", "value": "g"]],
                    ]
                ],
            ],
            ["type": 1, "components": [["type": 5, "custom_id": "who"]]],
            [
                "type": 9, "components": [["type": 10, "content": "x"]],
                "accessory": ["type": 2, "style": 1, "custom_id": "aside"],
            ],
        ],
    ]
    private static let modal: JSONValue = [
        "custom_id": "form", "title": "Tell us",
        "components": [
            [
                "type": 1,
                "components": [
                    ["type": 4, "custom_id": "name", "style": 1, "label": "Name", "min_length": 2, "max_length": 5]
                ],
            ],
            [
                "type": 18, "label": "More",
                "component": ["type": 4, "custom_id": "more", "style": 2, "required": false],
            ],
        ],
    ]

    init() throws {
        let world = try DemoWorld.atRest()
        self.alice = try #require(world.accounts["alice"]).userID
        self.bob = try #require(world.accounts["bob"]).userID
        self.general = try #require(world.guilds[DemoWorld.harborID]?.channelIDs.all.first)
        self.world = world
    }

    private mutating func use(
        _ type: Int, _ data: JSONValue, by user: Snowflake, message: Snowflake? = nil
    ) throws -> JSONValue {
        var body: JSONObject = [
            "type": .integer(type), "application_id": .id(self.bot), "channel_id": .id(self.general), "data": data,
        ]
        if let message { body["message_id"] = .id(message) }
        _ = self.world.takeDispatches()
        _ = try self.world.use(.object(body), by: user, token: "token \(self.world.ids.next(now: self.world.now))")
        let dispatch = try #require(self.world.takeDispatches().first { $0.name == .interactionCreate })
        return try JSONValue(parsing: dispatch.data)
    }

    private mutating func answer(_ interaction: JSONValue, _ body: JSONValue) throws -> Message? {
        try self.world.answer(
            try #require(interaction["id"]?.snowflake), token: try #require(interaction["token"]?.string), body,
            uploads: []
        ).message
    }

    private mutating func post(_ components: JSONValue) throws -> Snowflake {
        let draft = try MessageDraft(["content": "pick", "components": components])
        return try self.world.createMessage(draft, in: self.general, by: self.bot).id
    }

    private func refusal(_ body: () throws -> Void) -> Int? {
        do {
            try body()
            return nil
        } catch {
            return (error as? APIError)?.code
        }
    }

    // MARK: Commands

    @Test(arguments: [
        (JSONValue.null, true, true), ("0", true, false), ("8", true, false), ("2048", true, true),
        ("8192", true, false),
    ])
    mutating func `default_member_permissions decide who may use a command`(
        permissions: JSONValue, owner: Bool, member: Bool
    ) throws {
        let form = try CommandForm([
            "name": "tidy", "description": "d", "default_member_permissions": permissions,
        ])
        _ = try self.world.upsertCommand(form, of: self.bot, in: nil)
        for (user, may) in [(self.alice, owner), (self.bob, member)] {
            let listed = try self.world.commandIndex(of: DemoWorld.harborID, for: user)["application_commands"]
            #expect((listed?.array?.count == 1) == may)
            if may {
                #expect(try self.use(2, ["name": "tidy"], by: user)["data"]?["name"] == "tidy")
            } else {
                #expect(throws: APIError.missingPermissions) { try self.use(2, ["name": "tidy"], by: user) }
            }
        }
    }

    @Test func `Permissions of a command have to be bits`() {
        #expect(throws: APIError.self) {
            try CommandForm(["name": "x", "description": "d", "default_member_permissions": "ADMIN"])
        }
    }

    @Test mutating func `A command for direct messages only is unknown to guilds' members`() throws {
        _ = try self.world.upsertCommand(
            CommandForm(["name": "whisper", "description": "d", "contexts": [1]]), of: self.bot, in: nil)
        #expect(throws: APIError.missingPermissions) { try self.use(2, ["name": "whisper"], by: self.alice) }
    }

    // MARK: Components

    @Test mutating func `A button that the message has can be pressed, and the bot hears only of it`() throws {
        let id = try self.post([Self.row])
        let interaction = try self.use(3, ["custom_id": "yes", "values": ["x"], "more": 1], by: self.bob, message: id)
        #expect(interaction["data"] == ["custom_id": "yes", "component_type": 2])
        #expect(interaction["message"]?["id"] == .id(id))
    }

    @Test(arguments: [
        ["custom_id": "no"] as JSONValue, ["custom_id": "other"], ["custom_id": 5], [:],
        ["custom_id": "yes", "component_type": 3],
    ])
    mutating func `What is not offered can't be pressed`(data: JSONValue) throws {
        let id = try self.post([Self.row])
        #expect(throws: APIError.self) { try self.use(3, data, by: self.bob, message: id) }
        #expect(self.world.interactions.isEmpty)
    }

    @Test mutating func `A select takes its own options, each once and not too many`() throws {
        let id = try self.post([Self.selects])
        let both = try self.use(3, ["custom_id": "colour", "values": ["g", "r"]], by: self.bob, message: id)
        #expect(both["data"]?["values"] == ["g", "r"] && both["data"]?["component_type"] == 3)
        for values in [[] as JSONValue, ["b"], ["r", "r"], ["r", "g", "b"], "r"] {
            #expect(throws: APIError.self) {
                try self.use(3, ["custom_id": "colour", "values": values], by: self.bob, message: id)
            }
        }
        let user = try self.use(3, ["custom_id": "who", "values": [.id(self.alice)]], by: self.bob, message: id)
        #expect(user["data"]?["resolved"]?["users"]?[self.alice.description]?["username"] == "alice")
        #expect(try self.use(3, ["custom_id": "aside"], by: self.bob, message: id)["data"]?["component_type"] == 2)
    }

    @Test func `Components get the numbers that are free, in order`() {
        let numbered = ComponentIDs.number([
            ["type": 1, "components": [["type": 2, "id": 2], ["type": 2, "id": 0]]],
            ["type": 9, "id": 1, "components": [["type": 10]], "accessory": ["type": 2]],
        ])
        #expect(
            numbered == [
                ["type": 1, "components": [["type": 2, "id": 2], ["type": 2, "id": 4]], "id": 3],
                [
                    "type": 9, "id": 1, "components": [["type": 10, "id": 5]], "accessory": ["type": 2, "id": 6],
                ],
            ])
    }

    @Test mutating func `Buttons of an ephemeral reply are for whom it was shown to`() throws {
        _ = try self.world.upsertCommand(CommandForm(["name": "ask", "description": "d"]), of: self.bot, in: nil)
        let command = try self.use(2, ["name": "ask"], by: self.bob)
        let shown = try self.answer(
            command, ["type": 4, "data": ["content": "Sure?", "flags": 64, "components": [Self.row]]])
        let id = try #require(shown?.id)
        #expect(throws: APIError.unknownMessage) { try self.use(3, ["custom_id": "yes"], by: self.alice, message: id) }
        let press = try self.use(3, ["custom_id": "yes"], by: self.bob, message: id)
        #expect(press["message"]?["content"] == "Sure?")
        // The bot edits the ephemeral message in answer to its button, and once more later.
        let edited = try self.answer(press, ["type": 7, "data": ["content": "Done", "components": []]])
        #expect(edited?.id == id && edited?.isEphemeral == true)
        let told = try #require(self.world.takeDispatches().first { $0.name == .messageUpdate })
        #expect(told.audience == .users([self.bob, self.bot]))
        let interaction = try self.world.interaction(token: press["token"]?.string ?? "", of: self.bot)
        let original = try self.world.replyID(nil, of: interaction)
        let again = try self.world.editReply(original, of: interaction, MessageDraft(["content": "Really done"]))
        #expect(again.id == id && self.world.sourceMessage(id, in: self.general)?.content == "Really done")
        #expect(self.world.messages[self.general]?[id] == nil, "it is in no history")
        #expect(throws: APIError.self) { try self.use(3, ["custom_id": "yes"], by: self.bob, message: id) }
        try self.world.deleteReply(id, of: interaction)
        #expect(throws: APIError.unknownMessage) { try self.use(3, ["custom_id": "yes"], by: self.bob, message: id) }
    }

    @Test mutating func `What is kept of ephemeral messages goes with their interaction`() throws {
        _ = try self.world.upsertCommand(CommandForm(["name": "ask", "description": "d"]), of: self.bot, in: nil)
        let command = try self.use(2, ["name": "ask"], by: self.bob)
        _ = try self.answer(command, ["type": 4, "data": ["content": "x", "flags": 64]])
        #expect(self.world.ephemeralReplies.count == 1)
        self.world.now = Timestamp(milliseconds: self.world.now.milliseconds + 15 * 60_000 + 1)
        self.world.expireInteractions()
        #expect(self.world.ephemeralReplies.isEmpty && self.world.interactions.isEmpty)
    }

    // MARK: Modals

    private mutating func offerModal() throws -> JSONValue {
        let id = try self.post([Self.row])
        let press = try self.use(3, ["custom_id": "yes"], by: self.bob, message: id)
        _ = try self.answer(press, ["type": 9, "data": Self.modal])
        return press
    }

    private func filled(_ name: String, _ more: String? = nil) -> JSONValue {
        var components: [JSONValue] = [
            ["type": 1, "components": [["type": 4, "custom_id": "name", "value": .string(name), "evil": 1]]]
        ]
        if let more {
            components.append(
                ["type": 18, "component": ["type": 4, "custom_id": "more", "value": .string(more)]])
        }
        return ["custom_id": "form", "components": .array(components)]
    }

    @Test mutating func `A modal is told to the person, and can be submitted once`() throws {
        let press = try self.offerModal()
        let told = try #require(self.world.takeDispatches().first { $0.name == .interactionModalCreate })
        let event = try JSONValue(parsing: told.data)
        #expect(told.audience == .users([self.bob]) && event["id"] == press["id"] && event["title"] == "Tell us")
        let submitted = try self.use(5, self.filled("Bob", "text"), by: self.bob)
        #expect(submitted["type"] == 5 && submitted["message"]?["id"] == press["message"]?["id"])
        let row = submitted["data"]?["components"]?.array?.first?["components"]?.array?.first
        #expect(row == ["type": 4, "custom_id": "name", "value": "Bob"], "nothing but the answer is passed on")
        #expect(throws: APIError.self) { try self.use(5, self.filled("Bob"), by: self.bob) }
    }

    @Test mutating func `A modal that was not offered to this person is not taken`() throws {
        _ = try self.offerModal()
        #expect(throws: APIError.self) { try self.use(5, self.filled("Ann"), by: self.alice) }
        #expect(throws: APIError.self) { try self.use(5, ["custom_id": "other", "components": []], by: self.bob) }
    }

    @Test mutating func `A modal's inputs have their lengths, and no others are taken`() throws {
        _ = try self.offerModal()
        for name in ["", "B", "Robert"] {
            #expect(throws: APIError.self) { try self.use(5, self.filled(name), by: self.bob) }
        }
        var other = self.filled("Bob").object ?? [:]
        other["components"] = .array(
            (other["components"]?.array ?? []) + [
                ["type": 1, "components": [["type": 4, "custom_id": "admin", "value": "1"]]]
            ])
        let extra = JSONValue.object(other)
        #expect(throws: APIError.self) { try self.use(5, extra, by: self.bob) }
        #expect(try self.use(5, self.filled("Bob"), by: self.bob)["type"] == 5, "a refused one can be sent again")
    }

    @Test mutating func `A modal without inputs is no answer`() throws {
        let id = try self.post([Self.row])
        let press = try self.use(3, ["custom_id": "yes"], by: self.bob, message: id)
        for data in [[:] as JSONValue, ["custom_id": "x", "title": "t", "components": []]] {
            #expect(throws: APIError.self) { try self.answer(press, ["type": 9, "data": data]) }
        }
    }
}
