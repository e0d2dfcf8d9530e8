import Discord
import Logging

/// Does what handlers want done.
struct EffectSender: Sendable {
    /// An interaction's token takes its first answer for 3 s.
    private static let interactionDeadline: Duration = .milliseconds(2800)
    private static let messageDeadline: Duration = .seconds(20)

    let clients: ApplicationClients
    let logger: Logger

    private struct Message: Encodable, Sendable {
        struct Reference: Encodable, Sendable {
            let message_id: Snowflake
            let fail_if_not_exists = false
        }

        struct Mentions: Encodable, Sendable {
            let parse: [String] = []
        }

        let content: String
        let nonce: String
        let enforce_nonce = true
        let message_reference: Reference
        let allowed_mentions = Mentions()
    }

    private struct Callback: Encodable, Sendable {
        struct Data: Encodable, Sendable {
            let content: String
        }

        /// CHANNEL_MESSAGE_WITH_SOURCE
        let type = 4
        let data: Data
    }

    /// - Parameters:
    ///   - application: whose bot does it; nil where there is only one.
    ///   - deadline: of all attempts; each has a shorter one of its own.
    /// - Throws: `DiscordREST.Failure` with `.outOfTime` when it may be tried again later, and
    ///   `ApplicationClients.NoToken`. What Discord refuses is final, and only logged.
    func send(_ effect: Effect, of application: Snowflake?, until deadline: ContinuousClock.Instant) async throws {
        let rest = try self.clients.client(of: application)
        let left = max(.zero, ContinuousClock.now.duration(to: deadline))
        do {
            switch effect {
            case .sendMessage(let channel, let message, let content):
                let body = Message(content: content, nonce: "\(message)", message_reference: .init(message_id: message))
                _ = try await rest.send(
                    .createMessage(channel: channel), body: body,
                    within: min(left, Self.messageDeadline))
            case .respond(let interaction, let token, let content):
                let body = Callback(data: .init(content: content))
                _ = try await rest.send(
                    .interactionCallback(interaction, token: token), body: body,
                    within: min(left, Self.interactionDeadline))
            }
        } catch let failure as DiscordREST.Failure {
            guard case .refused(_, let code) = failure.code else {
                // An interaction that was not answered in time can't be answered later either.
                if case .respond = effect {
                    return self.logger.warning(
                        "an interaction was not answered in time", metadata: ["error": "\(failure)"])
                }
                throw failure
            }
            // 40060: another attempt of ours was heard.
            self.logger.log(
                level: code == 40_060 ? .debug : .warning, "Discord refused", metadata: ["error": "\(failure)"])
        }
    }
}
