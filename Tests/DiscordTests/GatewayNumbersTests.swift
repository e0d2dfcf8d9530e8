import Discord
import Testing

@Suite("Gateway numbers")
struct GatewayNumbersTests {
    @Test(
        arguments: [
            (1000, .resume), (1001, .resume), (1005, .resume), (1006, .resume), (4000, .resume), (4001, .resume),
            (4002, .resume),
            (4003, .identify), (4004, .stop), (4005, .resume), (4006, .identify), (4007, .identify), (4008, .resume),
            (4009, .identify), (4010, .stop), (4011, .stop), (4012, .stop), (4013, .stop), (4014, .stop),
            (4999, .resume), (0, .resume),
        ] as [(UInt16, GatewayCloseCode.NextStep)])
    func `Every close code has a next step`(code: UInt16, expected: GatewayCloseCode.NextStep) {
        #expect(GatewayCloseCode(rawValue: code).nextStep == expected)
    }

    @Test func `The documented intents are those of the table`() {
        #expect(Intents.documented.rawValue == 53_608_447)
        #expect(Intents.documented.subtracting(.privileged).rawValue == 53_575_421)
        let named: Intents = [
            .guilds, .guildMembers, .guildModeration, .guildExpressions, .guildIntegrations, .guildWebhooks,
            .guildInvites,
            .guildVoiceStates, .guildPresences, .guildMessages, .guildMessageReactions, .guildMessageTyping,
            .directMessages,
            .directMessageReactions, .directMessageTyping, .messageContent, .guildScheduledEvents,
            .autoModerationConfiguration, .autoModerationExecution, .guildMessagePolls, .directMessagePolls,
        ]
        #expect(named == .documented)
    }

    @Test func `Events ask for the intent of the place they happen in`() {
        #expect(EventName.messageCreate.requiredIntents(inGuild: true) == .guildMessages)
        #expect(EventName.messageCreate.requiredIntents(inGuild: false) == .directMessages)
        #expect(EventName.messageCreate.requiredIntents == [.guildMessages, .directMessages])
        #expect(EventName.interactionCreate.requiredIntents == [])
        #expect(EventName.threadMembersUpdate.requiredIntents == [.guilds, .guildMembers])
        #expect(EventName(rawValue: "SOMETHING_UNHEARD_OF").requiredIntents == [])
    }
}
