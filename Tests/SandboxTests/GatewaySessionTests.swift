import Discord
import NIOCore
import Testing

@testable import Sandbox

@Suite struct GatewaySessionTests {
    private func session(
        events: Int = 3, bytes: Int = 1 << 20, intents: Intents = .guilds, isBot: Bool = true
    ) -> GatewaySession {
        GatewaySession(
            id: "s", userID: 1, isBot: isBot, shard: ShardID(id: 0, count: 1), intents: intents, largeThreshold: 50,
            limit: .init(events: events, bytes: bytes))
    }

    private func fill(_ session: inout GatewaySession, _ count: Int) {
        for _ in 0..<count { _ = session.append(.messageCreate, ByteBuffer(string: "{}")) }
    }

    @Test func `Numbers rise by one and a frame carries the shared body`() throws {
        var session = self.session()
        self.fill(&session, 1)
        let entry = session.append(.typingStart, ByteBuffer(string: #"{"a":1}"#))
        #expect(try JSONValue(parsing: session.frame(entry)) == ["t": "TYPING_START", "s": 2, "op": 0, "d": ["a": 1]])
    }

    @Test func `A replay gives exactly what came after the number`() throws {
        var session = self.session()
        self.fill(&session, 5)
        #expect(try session.replay(after: 5).isEmpty)
        #expect(try session.replay(after: 3).map(\.sequence) == [4, 5])
        #expect(try session.replay(after: 2).map(\.sequence) == [3, 4, 5])
    }

    @Test func `What fell out of the buffer, was trimmed or never came cannot be replayed`() {
        var session = self.session()
        self.fill(&session, 5)
        #expect(throws: GatewaySession.ResumeRefusal.evicted) { try session.replay(after: 1) }
        #expect(throws: GatewaySession.ResumeRefusal.sequenceAhead) { try session.replay(after: 6) }
        #expect(throws: GatewaySession.ResumeRefusal.evicted) { try session.replay(after: -1) }
        session.trim(through: 4)
        #expect(throws: GatewaySession.ResumeRefusal.evicted) { try session.replay(after: 3) }
        #expect((try? session.replay(after: 4))?.map(\.sequence) == [5])
    }

    @Test func `The buffer is bounded in bytes too, and keeps the last event in any case`() throws {
        var session = self.session(events: 100, bytes: 10)
        for body in ["{\"a\":1}", "{\"b\":2}", "{}", "{\"long\":12345}"] {
            _ = session.append(.messageCreate, ByteBuffer(string: body))
        }
        #expect(session.bufferedEvents == 1 && session.bufferedBytes == 14 && session.firstBuffered == 4)
        #expect(try session.replay(after: 3).map(\.sequence) == [4])
        _ = session.append(.messageCreate, ByteBuffer(string: "{}"))
        #expect(session.bufferedEvents == 1 && session.bufferedBytes == 2 && session.lastSequence == 5)
    }

    @Test func `A buffer that is shrunk forgets at once, and stays small`() throws {
        var session = self.session(events: 10)
        self.fill(&session, 5)
        session.shrink(to: 2)
        #expect(throws: GatewaySession.ResumeRefusal.evicted) { try session.replay(after: 2) }
        #expect(session.last(5).map(\.sequence) == [4, 5])
        self.fill(&session, 3)
        #expect(session.firstBuffered == 7)
    }

    @Test func `Bots hear what their intents name, people hear all`() {
        let bot = self.session(intents: [.guilds, .directMessages])
        #expect(bot.wants(.guildCreate, inGuild: true) && bot.wants(.messageCreate, inGuild: false))
        #expect(!bot.wants(.messageCreate, inGuild: true) && bot.wants(.interactionCreate, inGuild: true))
        #expect(self.session(intents: [], isBot: false).wants(.messageCreate, inGuild: true))
    }

    @Test func `The table finds listeners by the shard count of each session`() throws {
        var table = SessionTable()
        for (id, shard) in [("a", (0, 1)), ("b", (0, 2)), ("c", (1, 2)), ("d", (1, 2))] {
            table.insert(
                GatewaySession(
                    id: id, userID: 9, isBot: true, shard: ShardID(id: shard.0, count: shard.1), intents: [],
                    largeThreshold: 50, limit: .init(events: 1, bytes: 1)))
        }
        let odd = Snowflake(rawValue: 1 << 22)
        #expect(Set(table.hearers(of: 9, guild: odd).map(\.session)) == ["a", "c", "d"])
        #expect(Set(table.hearers(of: 9, guild: nil).map(\.session)) == ["a", "b"])
        table.remove("c")
        table.remove("a")
        #expect(table.hearers(of: 9, guild: odd).map(\.session) == ["d"])
        table.remove("b")
        table.remove("d")
        #expect(table.users.isEmpty && table.count == 0)
    }

    @Test func `One Identify for each key in five seconds, and a budget for all`() {
        var settings = SandboxGatewaySettings()
        settings.maxConcurrency = 2
        settings.sessionStartLimit = 5
        var gate = IdentifyGate(settings: settings)
        let start = ContinuousClock.now
        #expect(gate.admit(shard: 0, of: 1, now: start) == .admitted)
        #expect(gate.admit(shard: 1, of: 1, now: start) == .admitted)
        #expect(gate.admit(shard: 2, of: 1, now: start + .seconds(4.9)) == .tooSoon)
        #expect(gate.admit(shard: 2, of: 1, now: start + .seconds(5)) == .admitted)
        #expect(gate.admit(shard: 0, of: 2, now: start) == .admitted, "applications do not share keys")
        #expect(gate.startLimit(of: 1, now: start).remaining == 1)
        #expect(gate.admit(shard: 1, of: 1, now: start + .seconds(20)) == .admitted)
        #expect(gate.admit(shard: 1, of: 1, now: start + .seconds(30)) == .exhausted)
        #expect(gate.admit(shard: 1, of: 1, now: start + .seconds(86_401)) == .admitted)
    }
}
