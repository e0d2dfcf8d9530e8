import ControlAPI
import Discord
import Foundation
import NIOCore
import Testing

@testable import Shard

@Suite("Commands of a slot")
struct SlotCommandsTests {
    typealias Effect = SlotCommands.Effect

    static let guild: Snowflake = 4_194_304
    static let start = ContinuousClock.now

    static func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    /// A slot's commands with their send budget, as the shell keeps them.
    struct Slot {
        var commands: SlotCommands
        var budget = SendBudget()
        var lastRequester = 0

        init(presence: PresenceUpdate? = nil, limits: SlotCommands.Limits = .init(), isReady: Bool = true) {
            self.commands = SlotCommands(
                shard: 0, count: 1, intents: [.guilds, .guildMembers, .guildPresences], presence: presence,
                limits: limits, life: 0xAB)
            if isReady { _ = self.commands.becameReady(isNewSession: true, now: at(0)) }
        }

        mutating func give(
            _ command: ControlCommand, timeout: Duration = .seconds(60), now: ContinuousClock.Instant = at(0)
        ) -> Outcome {
            self.lastRequester += 1
            let requester = ControlRequester(replyTo: "\(self.lastRequester)", correlationID: nil)
            return Outcome(
                self.commands.accept(command, from: requester, timeout: timeout, now: now)
                    + self.commands.flush(budget: &self.budget, now: now))
        }

        mutating func fire(now: ContinuousClock.Instant) -> Outcome {
            Outcome(self.commands.timerFired(now: now) + self.commands.flush(budget: &self.budget, now: now))
        }

        mutating func receipt(
            nonce: String, index: Int, count: Int, now: ContinuousClock.Instant
        ) throws -> SlotCommands.ChunkReceipt {
            let receipt = self.commands.receivedChunk(nonce: nonce, index: index, count: count, now: now)
            return try #require(receipt)
        }

        mutating func ready(isNewSession: Bool, now: ContinuousClock.Instant) -> Outcome {
            self.budget = SendBudget()
            return Outcome(
                self.commands.becameReady(isNewSession: isNewSession, now: now)
                    + self.commands.flush(budget: &self.budget, now: now))
        }
    }

    /// Effects, as what is sent and who is answered.
    struct Outcome {
        var sent: [[String: Any]] = []
        /// By requester: `ok`, or the problem's code.
        var answers: [String: String] = [:]
        var retryAfter: Int?

        init(_ effects: [Effect]) {
            for effect in effects {
                switch effect {
                case .send(let payload):
                    let object = try? JSONSerialization.jsonObject(with: Data(payload.readableBytesView))
                    self.sent.append(object as? [String: Any] ?? [:])
                case .answer(let requester, .error(let problem)):
                    self.answers[requester.replyTo ?? "", default: ""] += problem.code.rawValue
                    self.retryAfter = problem.retryAfterMilliseconds
                case .answer(let requester, let answer):
                    self.answers[requester.replyTo ?? "", default: ""] += answer.type
                }
            }
        }

        var ops: [Int] { self.sent.compactMap { $0["op"] as? Int } }
        var bodies: [[String: Any]] { self.sent.compactMap { $0["d"] as? [String: Any] } }
        var nonces: [String] { self.bodies.compactMap { $0["nonce"] as? String } }
    }

    static func presence(_ name: String) -> ControlCommand {
        .presence(PresenceUpdate(status: .online, activities: [.init(name: name, type: 0)]))
    }

    // MARK: Simple ones

    @Test func `A command leaves as Discord wants it, and is answered`() throws {
        var slot = Slot()
        let presence = slot.give(Self.presence("chess"))
        #expect(presence.ops == [3] && presence.answers == ["1": "ok"])
        let body = try #require(presence.bodies.first)
        #expect(Set(body.keys) == ["since", "activities", "status", "afk"] && body["since"] is NSNull)
        let voice = slot.give(.voiceState(VoiceStateUpdate(guildID: Self.guild, channelID: nil, selfDeaf: true)))
        #expect(voice.ops == [4] && voice.answers == ["2": "ok"])
        #expect(voice.bodies[0]["channel_id"] is NSNull && voice.bodies[0]["guild_id"] as? String == "4194304")
        #expect(slot.give(.soundboardSounds(guilds: [Self.guild])).ops == [31])
        let info = slot.give(.channelInfo(guild: Self.guild, fields: [.status]))
        #expect(info.ops == [43] && info.bodies[0]["fields"] as? [String] == ["status"])
        #expect(slot.commands.nextDeadline == nil)
    }

    @Test func `What the slot can't do is refused at once`() {
        var slot = Slot()
        let outcome = slot.give(.requestMembers(.users([], in: Self.guild)))
        #expect(outcome.answers == ["1": "bad_request"] && outcome.sent.isEmpty)
    }

    @Test func `Nothing leaves before the session is live, and time ends the wait`() throws {
        var slot = Slot(isReady: false)
        #expect(slot.give(.soundboardSounds(guilds: [1]), timeout: .seconds(5)).sent.isEmpty)
        #expect(slot.give(.soundboardSounds(guilds: [2]), timeout: .seconds(50)).sent.isEmpty)
        #expect(try #require(slot.commands.nextDeadline) == Self.at(5))
        #expect(slot.fire(now: Self.at(5)).answers == ["1": "timeout"])
        let ready = slot.ready(isNewSession: true, now: Self.at(9))
        #expect(ready.ops == [31] && ready.answers == ["2": "ok"])
    }

    @Test func `A slot that is let go of answers everybody`() {
        var slot = Slot(isReady: false)
        _ = slot.give(.soundboardSounds(guilds: [1]))
        _ = slot.give(.requestMembers(.all(of: Self.guild)))
        #expect(Outcome(slot.commands.end()).answers == ["1": "not_running", "2": "not_running"])
        #expect(slot.commands.nextDeadline == nil && !slot.commands.expectsChunks)
    }

    @Test func `What waits is bounded`() {
        var limits = SlotCommands.Limits()
        limits.mostCommands = 3
        var slot = Slot(limits: limits, isReady: false)
        for _ in 0..<3 { #expect(slot.give(.soundboardSounds(guilds: [1])).answers.isEmpty) }
        #expect(slot.give(.soundboardSounds(guilds: [1])).answers == ["4": "busy"])
    }

    // MARK: The budget

    @Test func `A connection's budget leaves room for heartbeats, and a new one begins anew`() throws {
        var slot = Slot()
        var sent = 0
        for number in 0..<200 {
            sent += slot.give(.soundboardSounds(guilds: [Snowflake(rawValue: UInt64(number))])).ops.count
        }
        #expect(sent == 114)
        #expect(slot.budget.take(.heartbeat, now: Self.at(0)) == nil)
        #expect(try #require(slot.commands.nextDeadline) == Self.at(60))
        #expect(slot.fire(now: Self.at(30)).ops.isEmpty)
        _ = slot.commands.disconnected(code: nil, now: Self.at(31))
        let resumed = slot.ready(isNewSession: false, now: Self.at(32))
        #expect(resumed.ops.count == 86 && resumed.answers.count == 86)
    }

    @Test func `Presences go five in 20 s, the last one counts, and others don't wait for them`() throws {
        var slot = Slot()
        for number in 0..<5 { #expect(slot.give(Self.presence("\(number)")).answers.values.first == "ok") }
        #expect(slot.give(Self.presence("five")).sent.isEmpty)
        let sixth = slot.give(Self.presence("six"))
        #expect(sixth.sent.isEmpty && sixth.answers == ["6": "superseded"])
        #expect(slot.give(.soundboardSounds(guilds: [1])).ops == [31])
        #expect(try #require(slot.commands.nextDeadline) == Self.at(20))
        let later = slot.fire(now: Self.at(20))
        #expect(later.answers == ["7": "ok"])
        #expect((later.bodies[0]["activities"] as? [[String: Any]])?.first?["name"] as? String == "six")
    }

    // MARK: Presence

    @Test func `The last presence is told in IDENTIFY, and not twice`() {
        var slot = Slot(presence: PresenceUpdate(status: .dnd), isReady: false)
        #expect(slot.commands.presence?.status == .dnd)
        _ = slot.give(.presence(PresenceUpdate(status: .idle)))
        #expect(slot.commands.presence?.status == .idle)
        slot.commands.identified(now: Self.at(1))
        let ready = slot.ready(isNewSession: true, now: Self.at(2))
        #expect(ready.sent.isEmpty && ready.answers == ["1": "ok"])
    }

    @Test func `What an earlier owner was told to show is told in IDENTIFY, and not sent into its session`() {
        let idle = PresenceUpdate(status: .idle)
        var slot = Slot(presence: PresenceUpdate(status: .dnd), isReady: false)
        #expect(slot.commands.restore(idle, now: Self.at(1)).isEmpty)
        #expect(slot.ready(isNewSession: false, now: Self.at(2)).sent.isEmpty)
        #expect(slot.commands.presence == idle)
    }

    @Test func `What an earlier owner was told to show is sent when IDENTIFY came before it was known`() {
        var slot = Slot(presence: PresenceUpdate(status: .dnd), isReady: false)
        slot.commands.identified(now: Self.at(0))
        _ = slot.commands.restore(PresenceUpdate(status: .idle), now: Self.at(1))
        #expect(slot.ready(isNewSession: true, now: Self.at(2)).bodies.map { $0["status"] as? String } == ["idle"])
        // The same again is nothing new.
        _ = slot.commands.disconnected(code: nil, now: Self.at(20))
        slot.commands.identified(now: Self.at(21))
        #expect(slot.ready(isNewSession: true, now: Self.at(22)).sent.isEmpty)
    }

    @Test func `A command, and what Discord refused, count for more than what an earlier owner was told`() {
        let idle = PresenceUpdate(status: .idle)
        var slot = Slot()
        _ = slot.give(Self.presence("chess"))
        #expect(slot.commands.restore(idle, now: Self.at(1)).isEmpty)
        #expect(slot.commands.presence != idle)

        var refused = Slot(isReady: false)
        _ = refused.commands.restore(idle, now: Self.at(0))
        refused.commands.identified(now: Self.at(1))
        _ = refused.commands.disconnected(code: .decodeError, now: Self.at(2))
        _ = refused.commands.restore(idle, now: Self.at(3))
        #expect(refused.commands.presence == nil)
    }

    /// Few characters, and more bytes than an IDENTIFY or an op 3 has room for.
    static let largePresence = PresenceUpdate(
        status: .idle, activities: [.init(name: "a" + String(repeating: "\u{301}", count: 2_500), type: 0)])

    @Test func `A presence that IDENTIFY has no room for is refused, and neither told nor kept`() {
        let configured = PresenceUpdate(status: .dnd)
        var slot = Slot(presence: configured, isReady: false)
        #expect(slot.give(.presence(Self.largePresence)).answers == ["1": "bad_request"])
        #expect(slot.commands.presence == configured)
        // It decides nothing either.
        _ = slot.commands.restore(PresenceUpdate(status: .idle), now: Self.at(1))
        #expect(slot.commands.presence?.status == .idle)
        #expect(slot.ready(isNewSession: false, now: Self.at(2)).sent.isEmpty)
    }

    @Test func `What no command may say is not told for an earlier owner either`() {
        let configured = PresenceUpdate(status: .dnd)
        var slot = Slot(presence: configured, isReady: false)
        slot.commands.identified(now: Self.at(0))
        #expect(slot.commands.restore(Self.largePresence, now: Self.at(1)).isEmpty)
        #expect(slot.commands.presence == configured)
        #expect(slot.ready(isNewSession: true, now: Self.at(2)).sent.isEmpty)
    }

    @Test func `A command that IDENTIFY could not tell is sent after it`() {
        var slot = Slot(isReady: false)
        _ = slot.give(.presence(PresenceUpdate(status: .idle)))
        slot.commands.identified(tellsPresence: false, now: Self.at(1))
        let ready = slot.ready(isNewSession: true, now: Self.at(2))
        #expect(ready.ops == [3] && ready.answers == ["1": "ok"])
    }

    @Test func `A presence that came after IDENTIFY, or before a RESUME, is sent`() {
        var slot = Slot(isReady: false)
        slot.commands.identified(now: Self.at(1))
        _ = slot.give(.presence(PresenceUpdate(status: .idle)), now: Self.at(1))
        #expect(slot.ready(isNewSession: true, now: Self.at(2)).ops == [3])
        _ = slot.commands.disconnected(code: nil, now: Self.at(3))
        _ = slot.give(.presence(PresenceUpdate(status: .dnd)), now: Self.at(4))
        #expect(slot.ready(isNewSession: false, now: Self.at(5)).ops == [3])
    }

    @Test(arguments: [4001, 4002, 4005] as [UInt16])
    func `What Discord closed for is not sent again`(code: UInt16) {
        var slot = Slot(presence: PresenceUpdate(status: .online))
        _ = slot.give(Self.presence("too much"))
        let chunks = slot.give(.requestMembers(.users([1], in: Self.guild)))
        #expect(chunks.ops == [8])
        let closed = Outcome(slot.commands.disconnected(code: GatewayCloseCode(rawValue: code), now: Self.at(1)))
        #expect(closed.answers == ["2": "refused"])
        #expect(slot.commands.presence == PresenceUpdate(status: .online), "the presence of before")
        #expect(slot.ready(isNewSession: true, now: Self.at(2)).sent.isEmpty)
    }

    @Test func `A presence that IDENTIFY itself was refused for is dropped`() {
        var slot = Slot(presence: PresenceUpdate(status: .online), isReady: false)
        slot.commands.identified(now: Self.at(0))
        _ = slot.commands.disconnected(code: .decodeError, now: Self.at(1))
        #expect(slot.commands.presence == nil)
    }

    @Test func `What was sent long before is not suspected`() {
        var slot = Slot()
        _ = slot.give(.requestMembers(.users([1], in: Self.guild)))
        #expect(Outcome(slot.commands.disconnected(code: .decodeError, now: Self.at(10))).answers.isEmpty)
        #expect(slot.commands.expectsChunks)
    }

    // MARK: Members

    @Test func `Chunks are collected by nonce until the last one`() throws {
        var slot = Slot()
        let asked = slot.give(.requestMembers(.all(of: Self.guild, presences: true)))
        let body = try #require(asked.bodies.first)
        #expect(asked.ops == [8] && asked.answers.isEmpty && slot.commands.expectsChunks)
        #expect(body["query"] as? String == "" && body["limit"] as? Int == 0 && body["presences"] as? Bool == true)
        #expect(body["user_ids"] == nil)
        let nonce = try #require(asked.nonces.first)
        #expect(nonce.utf8.count <= 32)

        #expect(slot.commands.receivedChunk(nonce: "other", index: 0, count: 2, now: Self.at(1)) == nil)
        #expect(slot.commands.receivedChunk(nonce: nonce, index: 2, count: 2, now: Self.at(1)) == nil)
        #expect(slot.commands.receivedChunk(nonce: nonce, index: -1, count: 2, now: Self.at(1)) == nil)
        let second = try slot.receipt(nonce: nonce, index: 1, count: 2, now: Self.at(1))
        #expect(second.position == .init(part: 0, parts: 1, attempt: 1, index: 1, count: 2) && !second.isLast)
        #expect(slot.commands.receivedChunk(nonce: nonce, index: 1, count: 2, now: Self.at(1)) == nil, "a repeat")
        let first = try slot.receipt(nonce: nonce, index: 0, count: 2, now: Self.at(2))
        #expect(first.isLast && first.requester.replyTo == "1")
        #expect(!slot.commands.expectsChunks && slot.commands.nextDeadline == nil)
        #expect(slot.commands.receivedChunk(nonce: nonce, index: 0, count: 2, now: Self.at(2)) == nil)
    }

    @Test func `More than 100 ids go in parts that don't hold others up`() throws {
        var slot = Slot()
        let ids = (1...250).map { Snowflake(rawValue: UInt64($0)) }
        var outcome = slot.give(.requestMembers(.users(ids, in: Self.guild)))
        #expect(outcome.bodies.map { ($0["user_ids"] as? [String])?.count } == [100, 100, 50])
        #expect(outcome.bodies.allSatisfy { $0["query"] == nil })
        #expect(Set(outcome.nonces).count == 3)
        for (part, nonce) in outcome.nonces.enumerated().reversed() {
            let receipt = try slot.receipt(nonce: nonce, index: 0, count: 1, now: Self.at(1))
            #expect(receipt.position.part == part && receipt.position.parts == 3)
            #expect(receipt.isLast == (part == 0))
        }
        // With the budget at its end, two guilds take turns part by part.
        slot = Slot(isReady: false)
        _ = slot.give(.requestMembers(.users(ids, in: Self.guild)))
        _ = slot.give(.requestMembers(.users(ids, in: Snowflake(rawValue: Self.guild.rawValue * 2))))
        outcome = slot.ready(isNewSession: true, now: Self.at(1))
        let guilds = outcome.bodies.compactMap { $0["guild_id"] as? String }
        #expect(guilds == ["4194304", "8388608", "4194304", "8388608", "4194304", "8388608"])
    }

    @Test func `All members of a guild are asked for once in 30 s`() throws {
        var slot = Slot()
        let first = slot.give(.requestMembers(.all(of: Self.guild)))
        _ = slot.commands.receivedChunk(nonce: first.nonces[0], index: 0, count: 1, now: Self.at(1))
        #expect(slot.give(.requestMembers(.all(of: Self.guild)), now: Self.at(2)).sent.isEmpty)
        let other = slot.give(.requestMembers(.all(of: 8_388_608)), now: Self.at(2))
        let named = slot.give(.requestMembers(.named("a", in: Self.guild, limit: 5)), now: Self.at(2))
        for outcome in [other, named] {
            #expect(outcome.ops == [8])
            _ = try slot.receipt(nonce: outcome.nonces[0], index: 0, count: 1, now: Self.at(3))
        }
        #expect(slot.fire(now: Self.at(29)).sent.isEmpty)
        #expect(slot.fire(now: Self.at(30)).ops == [8])
    }

    @Test func `A new session, in which chunks can't come, is asked again`() throws {
        var slot = Slot()
        let asked = slot.give(.requestMembers(.users([1], in: Self.guild)), timeout: .seconds(300))
        _ = slot.commands.receivedChunk(nonce: asked.nonces[0], index: 0, count: 2, now: Self.at(1))
        _ = slot.commands.disconnected(code: nil, now: Self.at(2))
        let again = slot.ready(isNewSession: true, now: Self.at(3))
        #expect(again.ops == [8] && again.nonces != asked.nonces)
        #expect(slot.commands.receivedChunk(nonce: asked.nonces[0], index: 1, count: 2, now: Self.at(4)) == nil)
        let receipt = try slot.receipt(nonce: again.nonces[0], index: 0, count: 1, now: Self.at(4))
        #expect(receipt.position.attempt == 2 && receipt.isLast)
    }

    @Test func `All members asked for just before a new session wait for their 30 s`() {
        var slot = Slot()
        _ = slot.give(.requestMembers(.all(of: Self.guild)), timeout: .seconds(300))
        _ = slot.commands.disconnected(code: nil, now: Self.at(2))
        #expect(slot.ready(isNewSession: true, now: Self.at(3)).sent.isEmpty)
        #expect(slot.fire(now: Self.at(30)).ops == [8])
    }

    @Test func `A resumed session replays chunks; when none come it is asked again`() throws {
        var slot = Slot()
        let asked = slot.give(.requestMembers(.users([1], in: Self.guild)), timeout: .seconds(300))
        _ = slot.commands.disconnected(code: nil, now: Self.at(2))
        // A connection that takes its time is not silence.
        #expect(slot.fire(now: Self.at(40)).sent.isEmpty)
        #expect(slot.ready(isNewSession: false, now: Self.at(50)).sent.isEmpty)
        #expect(try #require(slot.commands.nextDeadline) == Self.at(65))
        let again = slot.fire(now: Self.at(65))
        #expect(again.ops == [8] && again.nonces != asked.nonces)
        #expect(slot.fire(now: Self.at(80)).ops == [8])
        #expect(slot.fire(now: Self.at(95)).answers == ["1": "timeout"], "three times is enough")
    }

    @Test func `RATE_LIMITED puts a request off, or ends it when its time is too short`() throws {
        var slot = Slot()
        let long = slot.give(.requestMembers(.all(of: Self.guild)), timeout: .seconds(60))
        let short = slot.give(.requestMembers(.all(of: 8_388_608)), timeout: .seconds(5))
        var outcome = Outcome(
            slot.commands.receivedRateLimited(
                nonce: short.nonces[0], guild: 8_388_608, retryAfter: .seconds(12.5), now: Self.at(1)))
        #expect(outcome.answers == ["2": "rate_limited"] && outcome.retryAfter == 12_500)
        // Without a nonce the guild tells.
        outcome = Outcome(
            slot.commands.receivedRateLimited(
                nonce: nil, guild: Self.guild, retryAfter: .seconds(12.5), now: Self.at(1)))
        #expect(outcome.answers.isEmpty)
        #expect(slot.fire(now: Self.at(13)).sent.isEmpty)
        let again = slot.fire(now: Self.at(13.5))
        #expect(again.ops == [8] && again.nonces != long.nonces)
        let receipt = try slot.receipt(nonce: again.nonces[0], index: 0, count: 1, now: Self.at(14))
        #expect(receipt.isLast && receipt.position.attempt == 1)
    }

    @Test func `RATE_LIMITED for somebody else's request changes nothing`() {
        var slot = Slot()
        _ = slot.give(.requestMembers(.all(of: Self.guild)))
        _ = slot.commands.receivedRateLimited(nonce: "x", guild: Self.guild, retryAfter: .seconds(1), now: Self.at(1))
        _ = slot.commands.receivedRateLimited(nonce: nil, guild: 7, retryAfter: .seconds(1), now: Self.at(1))
        #expect(slot.commands.expectsChunks)
        #expect(slot.fire(now: Self.at(5)).sent.isEmpty)
    }

    @Test func `A request in parts that is put off does not multiply`() throws {
        var slot = Slot()
        let ids = (1...150).map { Snowflake(rawValue: UInt64($0)) }
        let asked = slot.give(.requestMembers(.users(ids, in: Self.guild)), timeout: .seconds(300))
        #expect(asked.ops == [8, 8])
        _ = slot.commands.receivedRateLimited(
            nonce: asked.nonces[0], guild: Self.guild, retryAfter: .seconds(2), now: Self.at(1))
        #expect(slot.fire(now: Self.at(3)).ops == [8], "only the one")
    }
}
