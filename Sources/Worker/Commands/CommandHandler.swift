import Discord
import Foundation

/// Decides what an event makes the bot do. Pure but for reading the clock it is given.
struct CommandHandler: Sendable {
    let registry: CommandRegistry
    /// Milliseconds since 1970.
    let now: @Sendable () -> Int64

    /// False: there is nothing to decide about events of this name.
    static func concerns(_ name: EventName) -> Bool { name == .messageCreate || name == .interactionCreate }

    /// Whose id tells copies of one interaction; nil: the event is none, or can't be read.
    static func interaction(of event: WorkerEvent) -> Snowflake? {
        struct Identified: Decodable {
            let id: Snowflake
        }
        guard event.name == .interactionCreate else { return nil }
        // What can't be read is told by whoever handles it.
        return try? event.decode(Identified.self).id
    }

    /// - Throws: a decoding error when the payload is not what Discord documents.
    func effects(of event: WorkerEvent) async throws -> [Effect] {
        switch event.name {
        case .messageCreate:
            await self.effects(of: try event.decode(MessageCreate.self), application: event.application)
        case .interactionCreate: await self.effects(of: try event.decode(InteractionCreate.self))
        default: []
        }
    }

    private func effects(of message: MessageCreate, application: Snowflake?) async -> [Effect] {
        guard message.isFromPerson, let command = self.registry.command(in: message.content) else { return [] }
        let reply = await command.run(
            self.invocation(.prefix, id: message.id, guild: message.guildId, application: application))
        return [.sendMessage(channel: message.channelId, replyTo: message.id, content: reply.content)]
    }

    private func effects(of interaction: InteractionCreate) async -> [Effect] {
        guard interaction.type == InteractionCreate.applicationCommand, let name = interaction.data?.name else {
            return []
        }
        let reply =
            await self.registry.command(named: name)?.run(
                self.invocation(
                    .slash, id: interaction.id, guild: interaction.guildId, application: interaction.applicationId))
            ?? CommandReply(content: "`/\(name)` is not a command of mine any more.")
        return [.respond(interaction: interaction.id, token: interaction.token, content: reply.content)]
    }

    private func invocation(
        _ form: CommandInvocation.Form, id: Snowflake, guild: Snowflake?, application: Snowflake?
    ) -> CommandInvocation {
        CommandInvocation(
            form: form, askedAt: Int64(id.milliseconds), now: self.now(), commands: self.registry.commands,
            guild: guild, application: application)
    }
}
