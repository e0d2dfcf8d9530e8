import Discord
import Testing

@testable import Sandbox

@Suite struct WorldTests {
    var world: World
    let alice: Snowflake
    let bob: Snowflake
    let bot = DemoWorld.applicationID
    let harbor = DemoWorld.harborID
    let general: Snowflake

    init() throws {
        let world = try DemoWorld.atRest()
        self.alice = try #require(world.accounts["alice"]).userID
        self.bob = try #require(world.accounts["bob"]).userID
        self.general = try #require(world.guilds[DemoWorld.harborID]?.channelIDs.all.first)
        self.world = world
    }

    private func draft(_ text: String, _ more: JSONObject = [:]) throws -> MessageDraft {
        var object: JSONObject = ["content": .string(text)]
        object.members += more.members
        return try MessageDraft(.object(object))
    }

    @Test func `The demo world has two guilds on different shards of two, with everybody in both`() {
        #expect(Set(DemoWorld.guildIDs.map { ShardID.shard(for: $0, count: 2) }) == [0, 1])
        for id in DemoWorld.guildIDs {
            #expect(self.world.guilds[id]?.members.keys.sorted() == [self.alice, self.bob, self.bot].sorted())
            #expect(self.world.channels(of: self.world.guilds[id]!).map(\.name) == ["general", "global"])
        }
        #expect(self.world.user(token: "T")?.id == self.bot)
    }

    @Test mutating func `A message goes to the channel's viewers, stripped for who may not read it`() throws {
        let message = try self.world.createMessage(
            self.draft("hi <@\(self.bob)> @everyone"), in: self.general, by: self.alice)
        let dispatch = try #require(self.world.takeDispatches().first)
        #expect(dispatch.name == .messageCreate && dispatch.audience == .channel(self.general, guild: self.harbor))
        let full = try JSONValue(parsing: dispatch.data)
        #expect(full["content"]?.string == message.content && full["guild_id"]?.snowflake == self.harbor)
        #expect(full["member"]?["user"] == nil && full["member"]?["joined_at"] != nil)
        let stripped = try JSONValue(parsing: try #require(dispatch.strippedData))
        #expect(stripped["content"] == "" && stripped["id"] == full["id"])
        #expect(dispatch.contentReaders == [self.alice, self.bob])
        #expect(message.mentions == [self.bob] && message.mentionsEveryone, "alice owns the guild")
    }

    @Test mutating func `Mentions obey allowed_mentions and permissions`() throws {
        let text = "<@\(self.alice)> <@!\(self.bob)> @here <@&\(self.harbor)>"
        let silent = try self.world.createMessage(
            self.draft(text, ["allowed_mentions": ["parse": []]]), in: self.general, by: self.alice)
        #expect(silent.mentions.isEmpty && !silent.mentionsEveryone && silent.mentionedRoles.isEmpty)
        let some = try self.world.createMessage(
            self.draft(text, ["allowed_mentions": ["users": [.id(self.bob)]]]), in: self.general, by: self.alice)
        #expect(some.mentions == [self.bob])
        let member = try self.world.createMessage(self.draft(text), in: self.general, by: self.bob)
        #expect(member.mentions == [self.alice, self.bob] && !member.mentionsEveryone, "bob may not ping everyone")
        #expect(throws: APIError.self) {
            try self.draft(text, ["allowed_mentions": ["parse": ["users"], "users": [.id(self.bob)]]])
        }
    }

    @Test mutating func `enforce_nonce gives the earlier message and no second event`() throws {
        let draft = try self.draft("once", ["nonce": "n1", "enforce_nonce": true])
        let first = try self.world.createMessage(draft, in: self.general, by: self.bot)
        let second = try self.world.createMessage(draft, in: self.general, by: self.bot)
        let other = try self.world.createMessage(draft, in: self.general, by: self.alice)
        #expect(first == second && other.id != first.id)
        #expect(self.world.takeDispatches().count == 2)
    }

    @Test mutating func `History comes in pages, newest first`() throws {
        var ids: [Snowflake] = []
        for number in 0..<120 {
            ids.append(try self.world.createMessage(self.draft("\(number)"), in: self.general, by: self.alice).id)
        }
        func page(_ page: MessageLog.Page, _ limit: Int = 50) throws -> [Snowflake] {
            try self.world.history(of: self.general, page, limit: limit, for: self.bob).map(\.id)
        }
        #expect(try page(.newest) == Array(ids[70...].reversed()))
        #expect(try page(.before(ids[70])) == Array(ids[20..<70].reversed()))
        #expect(try page(.before(ids[20])) == Array(ids[..<20].reversed()))
        #expect(try page(.after(ids[10]), 3) == Array(ids[11...13].reversed()))
        #expect(try page(.around(ids[60]), 5) == Array(ids[58...62].reversed()))
        #expect(try page(.before(0)).isEmpty)
    }

    @Test mutating func `A channel keeps only its newest messages`() throws {
        self.world.settings.messagesPerChannel = 10
        _ = self.world.takeChanges()
        for number in 0..<25 {
            _ = try self.world.createMessage(self.draft("\(number)"), in: self.general, by: self.alice)
        }
        let kept = try self.world.history(of: self.general, .newest, limit: 100, for: self.alice).map(\.content)
        #expect(kept == (15..<25).reversed().map(String.init))
        let removed = self.world.takeChanges().count { if case .removeMessage = $0 { true } else { false } }
        #expect(removed == 15)
    }

    @Test mutating func `Only authors edit, and only they or managers delete`() throws {
        let message = try self.world.createMessage(self.draft("a"), in: self.general, by: self.alice)
        #expect(throws: APIError.notYourMessage) {
            try self.world.editMessage(self.draft("b"), message.id, in: self.general, by: self.bob)
        }
        #expect(throws: APIError.missingPermissions) {
            try self.world.deleteMessage(message.id, in: self.general, by: self.bob)
        }
        _ = self.world.takeDispatches()
        let edited = try self.world.editMessage(self.draft("b"), message.id, in: self.general, by: self.alice)
        #expect(edited.content == "b" && edited.editedAt == self.world.now)
        try self.world.deleteMessage(message.id, in: self.general, by: self.bot)
        #expect(self.world.takeDispatches().map(\.name) == [.messageUpdate, .messageDelete])
        #expect(throws: APIError.unknownMessage) {
            try self.world.message(message.id, in: self.general, for: self.alice)
        }
    }

    @Test mutating func `A hidden channel is neither readable nor heard`() throws {
        let deny = PermissionOverwrite(id: self.harbor, type: .role, allow: [], deny: .viewChannel)
        self.world.channels[self.general]?.overwrites = [deny]
        #expect(throws: APIError.missingAccess) {
            try self.world.history(of: self.general, .newest, limit: 1, for: self.bob)
        }
        let audience = Dispatch.Audience.channel(self.general, guild: self.harbor)
        #expect(!self.world.reaches(audience, self.bob) && self.world.reaches(audience, self.alice), "owners see all")
    }

    @Test mutating func `A bulk deletion takes 2 to 100 young messages and tells once`() throws {
        let ids = try (0..<3).map {
            try self.world.createMessage(self.draft("\($0)"), in: self.general, by: self.alice).id
        }
        _ = self.world.takeDispatches()
        #expect(throws: APIError.bulkDeleteCount) {
            try self.world.bulkDelete([ids[0]], in: self.general, by: self.bot)
        }
        #expect(throws: APIError.tooOldToBulkDelete) {
            try self.world.bulkDelete([ids[0], ids[0]], in: self.general, by: self.bot)
        }
        #expect(throws: APIError.tooOldToBulkDelete) {
            try self.world.bulkDelete([ids[0], 5], in: self.general, by: self.bot)
        }
        #expect(throws: APIError.missingPermissions) { try self.world.bulkDelete(ids, in: self.general, by: self.bob) }
        try self.world.bulkDelete(ids, in: self.general, by: self.bot)
        #expect(self.world.takeDispatches().map(\.name) == [.messageDeleteBulk])
    }

    @Test mutating func `A webhook posts under the given name and never pings everyone by default`() throws {
        let webhook = try self.world.createWebhook(["name": "Relay"], in: self.general, by: self.bot, token: "secret")
        let body: JSONValue = [
            "content": .string("@everyone <@\(self.bob)>"), "username": "Ann", "avatar_url": "http://x/a.png",
        ]
        let message = try self.world.execute(webhook, try MessageDraft(body), body: body)
        let json = JSONValue.object(self.world.messageObject(message))
        #expect(json["author"]?["username"] == "Ann" && json["author"]?["id"]?.snowflake == webhook.id)
        #expect(json["webhook_id"]?.snowflake == webhook.id && json["application_id"]?.snowflake == self.bot)
        #expect(!message.mentionsEveryone && message.mentions == [self.bob])
        #expect(throws: APIError.invalidWebhookToken) { try self.world.webhook(webhook.id, token: "wrong") }
        #expect(throws: APIError.self) {
            try self.world.execute(webhook, try MessageDraft(body), body: ["username": "Discord fan"])
        }
    }

    private mutating func useCommand() throws -> Interaction {
        _ = try self.world.upsertCommand(try CommandForm(["name": "ping", "description": "d"]), of: self.bot, in: nil)
        let body: JSONValue = [
            "type": 2, "application_id": .id(self.bot), "channel_id": .id(self.general), "guild_id": .id(self.harbor),
            "data": ["name": "ping", "resolved": ["members": ["1": ["permissions": "8"]]]], "nonce": "7",
        ]
        return try self.world.use(body, by: self.alice, token: "secret")
    }

    @Test mutating func `A command reaches the bot, and its answer the channel`() throws {
        let interaction = try self.useCommand()
        let event = try #require(self.world.takeDispatches().last)
        #expect(
            event.name == .interactionCreate && event.audience == .users([self.bot]) && event.guildID == self.harbor)
        let json = try JSONValue(parsing: event.data)
        #expect(json["member"]?["user"]?["id"]?.snowflake == self.alice && json["data"]?["name"] == "ping")
        #expect(json["data"]?["resolved"] == nil, "a caller can't say who somebody is")
        let answer = try self.world.answer(
            interaction.id, token: "secret", ["type": 4, "data": ["content": "Pong"]], uploads: [])
        #expect(answer.message?.kind == 20 && answer.message?.webhookID == self.bot)
        #expect(self.world.takeDispatches().map(\.name) == [.messageCreate, .interactionSuccess])
        #expect(throws: APIError.alreadyAcknowledged) {
            try self.world.answer(interaction.id, token: "secret", ["type": 4, "data": ["content": "x"]], uploads: [])
        }
        #expect(throws: APIError.unknownInteraction) {
            try self.world.answer(interaction.id, token: "wrong", ["type": 4, "data": ["content": "x"]], uploads: [])
        }
    }

    @Test mutating func `After three seconds an interaction is unknown and its user is told`() throws {
        let interaction = try self.useCommand()
        _ = self.world.takeDispatches()
        self.world.now = Timestamp(milliseconds: self.world.now.milliseconds + 3_001)
        self.world.expireInteractions()
        #expect(self.world.takeDispatches().map(\.name) == [.interactionFailure])
        #expect(throws: APIError.unknownInteraction) {
            try self.world.answer(interaction.id, token: "secret", ["type": 5], uploads: [])
        }
    }

    @Test mutating func `A deferred answer is filled by the edit of its original`() throws {
        let interaction = try self.useCommand()
        let deferred = try self.world.answer(interaction.id, token: "secret", ["type": 5], uploads: [])
        #expect(deferred.message?.flags == Message.Flag.loading)
        _ = self.world.takeDispatches()
        let live = try self.world.interaction(token: "secret", of: self.bot)
        let edited = try self.world.editReply(try self.world.replyID(nil, of: live), of: live, self.draft("done"))
        #expect(
            edited.id == deferred.message?.id && edited.content == "done" && edited.flags == 0 && edited.editedAt == nil
        )
        #expect(self.world.takeDispatches().map(\.name) == [.messageUpdate])
        let further = try self.world.followUp(live, self.draft("more"))
        #expect(further.id != edited.id)
        self.world.now = Timestamp(milliseconds: self.world.now.milliseconds + 900_001)
        self.world.expireInteractions()
        #expect(throws: APIError.unknownWebhook) { try self.world.interaction(token: "secret", of: self.bot) }
    }

    @Test mutating func `An ephemeral answer is in no history and reaches only its user`() throws {
        let interaction = try self.useCommand()
        _ = self.world.takeDispatches()
        let answer = try self.world.answer(
            interaction.id, token: "secret", ["type": 4, "data": ["content": "psst", "flags": 64]], uploads: [])
        let event = try #require(self.world.takeDispatches().first)
        #expect(event.audience == .users([self.alice, self.bot]) && event.guildID == nil)
        #expect(try self.world.history(of: self.general, .newest, limit: 5, for: self.alice).isEmpty)
        let live = try self.world.interaction(token: "secret", of: self.bot)
        let id = try #require(answer.message?.id)
        #expect(try self.world.editReply(id, of: live, self.draft("later")).content == "later")
    }

    @Test mutating func `Commands keep their id when they are overwritten, and unlisted ones vanish`() throws {
        let first = try self.world.overwriteCommands(
            [["name": "a", "description": "1"], ["name": "b", "description": "2"]], of: self.bot, in: nil)
        let second = try self.world.overwriteCommands([["name": "b", "description": "3"]], of: self.bot, in: nil)
        #expect(second.map(\.id) == [first[1].id] && second[0].version != first[1].version)
        #expect(self.world.commands(of: self.bot, in: nil).map(\.name) == ["b"])
        #expect(throws: APIError.self) {
            try self.world.overwriteCommands([["name": "Bad Name", "description": "3"]], of: self.bot, in: nil)
        }
        #expect(self.world.commands(of: self.bot, in: nil).map(\.name) == ["b"], "a refused list changes nothing")
    }
}
