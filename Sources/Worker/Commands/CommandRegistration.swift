import Discord
import Foundation
import Logging
import NIOFoundationCompat
import Runtime
import ServiceLifecycle

/// Tells Discord which slash commands an application has, once at the start, and only if it knows others.
struct CommandRegistration: Service {
    let registry: CommandRegistry
    let rest: DiscordREST
    let logger: Logger

    private struct Application: Decodable {
        let id: Snowflake
    }

    private struct Declared: Codable, Hashable, Sendable {
        /// 1: CHAT_INPUT; absent in what Discord was sent without it.
        var type: Int? = 1
        let name: String
        let description: String
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var pause: Duration = .seconds(5)
            while !Task.isCancelled {
                do {
                    try await self.register()
                    break
                } catch {
                    self.logger.warning("can't register the slash commands", metadata: ["error": "\(error)"])
                    // Cancelled: the loop's condition ends it.
                    try? await Task.sleep(for: pause)
                    pause = min(.seconds(300), pause * 2)
                }
            }
        }
        // A service that returns would stop its group.
        try? await gracefulShutdown()
    }

    private func register() async throws {
        let nothing: [Declared]? = nil
        let application = try JSONDecoder().decode(
            Application.self, from: try await self.rest.send(.ownApplication, body: nothing, within: .seconds(20)))
        let known = try JSONDecoder().decode(
            [Declared].self,
            from: try await self.rest.send(
                .applicationCommands(application.id, method: "GET"), body: nothing, within: .seconds(20)))
        let wanted = self.registry.commands.map { Declared(name: $0.name, description: $0.description) }
        guard Set(known) != Set(wanted) else { return }
        _ = try await self.rest.send(
            .applicationCommands(application.id, method: "PUT"), body: wanted, within: .seconds(20))
        self.logger.info("slash commands registered", metadata: ["commands": "\(wanted.count)"])
    }
}
