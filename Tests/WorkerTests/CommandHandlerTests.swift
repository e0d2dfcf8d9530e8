import Discord
import NIOCore
import Testing

@testable import Worker

@Suite("Commands")
struct CommandHandlerTests {
    /// A message of 250 ms ago.
    private let message = Snowflake(rawValue: 250 << 22)
    private let handler = CommandHandler(registry: CommandRegistry(modules: [PingModule(), HelpModule()])) {
        1_420_070_400_500
    }

    private func effects(_ name: EventName, _ payload: String) async throws -> [Effect] {
        try await self.handler.effects(
            of: WorkerEvent(sequence: 1, name: name, guildID: nil, receivedAt: 0, payload: ByteBuffer(string: payload)))
    }

    private func said(_ content: String, author: String = #"{"id":"9"}"#, more: String = "") async throws -> [Effect] {
        try await self.effects(
            .messageCreate,
            #"{"id":"\#(self.message)","channel_id":"5","author":\#(author),"content":"\#(content)"\#(more)}"#)
    }

    @Test func `Ping answers with the delay, as a reply to the message`() async throws {
        #expect(
            try await self.said("!ping") == [
                .sendMessage(channel: Snowflake(rawValue: 5), replyTo: self.message, content: "Pong! 250 ms")
            ])
    }

    @Test(arguments: ["!PING", "!ping now", "!ping\\nx"])
    func `A command may be followed by text and written in capitals`(content: String) async throws {
        #expect(try await self.said(content).count == 1)
    }

    @Test(arguments: ["ping", "! ping", "!pingpong", "", "!", "hello !ping"])
    func `Other texts are not commands`(content: String) async throws {
        #expect(try await self.said(content).isEmpty)
    }

    @Test func `Bots and webhooks give no commands`() async throws {
        #expect(try await self.said("!ping", author: #"{"id":"9","bot":true}"#).isEmpty)
        #expect(try await self.said("!ping", more: #","webhook_id":"7""#).isEmpty)
    }

    @Test func `Help names every command`() async throws {
        guard case .sendMessage(_, _, let content)? = try await self.said("!help").first else {
            Issue.record("no answer")
            return
        }
        #expect(content.contains("`!ping`") && content.contains("`!help`"))
    }

    @Test func `A slash command is answered over the interaction`() async throws {
        let payload = #"{"id":"\#(self.message)","application_id":"1","type":2,"token":"t","data":{"name":"ping"}}"#
        #expect(
            try await self.effects(.interactionCreate, payload) == [
                .respond(interaction: self.message, token: "t", content: "Pong! 250 ms")
            ])
    }

    @Test func `A slash command that is gone is answered all the same`() async throws {
        let payload = #"{"id":"1","application_id":"1","type":2,"token":"t","data":{"name":"old"}}"#
        #expect(try await self.effects(.interactionCreate, payload).count == 1)
    }

    @Test func `Other interactions and other events do nothing`() async throws {
        #expect(
            try await self.effects(.interactionCreate, #"{"id":"1","application_id":"1","type":3,"token":"t"}"#).isEmpty
        )
        #expect(try await self.effects(.guildCreate, "not even JSON").isEmpty)
    }

    @Test func `A payload that is not what Discord documents is an error`() async {
        await #expect(throws: DecodingError.self) { try await self.effects(.messageCreate, #"{"id":[]}"#) }
    }
}
