import Discord
import Foundation

/// Decides what an event makes the bot do. Pure but for reading the clock it is given.
struct CommandHandler: Sendable {
    let registry: CommandRegistry
    /// Milliseconds since 1970.
    let now: @Sendable () -> Int64

    /// - Throws: a decoding error when the payload is not what Discord documents.
    func effects(of event: WorkerEvent) throws -> [Effect] {
        switch event.name {
        case .messageCreate: try self.effects(of: event.decode(MessageCreate.self))
        case .interactionCreate: try self.effects(of: event.decode(InteractionCreate.self))
        default: []
        }
    }

    private func effects(of message: MessageCreate) -> [Effect] {
        guard message.isFromPerson, let command = self.registry.command(in: message.content) else { return [] }
        let reply = command.run(self.invocation(.prefix, id: message.id))
        return [.sendMessage(channel: message.channelId, replyTo: message.id, content: reply.content)]
    }

    private func effects(of interaction: InteractionCreate) -> [Effect] {
        guard interaction.type == InteractionCreate.applicationCommand, let name = interaction.data?.name else {
            return []
        }
        let reply =
            self.registry.command(named: name)?.run(self.invocation(.slash, id: interaction.id))
            ?? CommandReply(content: "`/\(name)` is not a command of mine any more.")
        return [.respond(interaction: interaction.id, token: interaction.token, content: reply.content)]
    }

    private func invocation(_ form: CommandInvocation.Form, id: Snowflake) -> CommandInvocation {
        CommandInvocation(
            form: form, askedAt: Int64(id.milliseconds), now: self.now(), commands: self.registry.commands)
    }
}
