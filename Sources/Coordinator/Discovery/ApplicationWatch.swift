import Applications
import AsyncHTTPClient
import CoordinatorCore
import Discord
import Logging
import Runtime
import ServiceLifecycle

/// Finds out which application a token belongs to, and keeps its gateway facts fresh.
struct ApplicationWatch: Service {
    /// `/gateway/bot` changes as guilds come and go.
    private static let interval: Duration = .seconds(300)

    let entry: ApplicationTokens.Entry
    let settings: CoordinatorSettings
    let keeper: ClusterKeeper
    let discovery: Discovery
    let logger: Logger

    func run() async throws {
        let directory = DiscordDirectory(
            apiURL: self.settings.discordAPIURL, token: self.entry.token, http: .shared)
        await cancelWhenGracefulShutdown {
            var pause: Duration = .milliseconds(500)
            while !Task.isCancelled {
                do {
                    try await self.look(directory)
                    self.discovery.asked(about: self.entry.name, failure: nil)
                    pause = Self.interval
                } catch let error as DiscordDirectory.Failure {
                    // The term is over; that is no word of Discord's.
                    if Task.isCancelled { return }
                    self.discovery.asked(about: self.entry.name, failure: error.description)
                    self.logger.log(
                        level: error.isFatal ? .error : .warning, "can't ask Discord about an application",
                        metadata: ["discord.application": "\(self.entry.name)", "error": "\(error)"])
                    pause = error.isFatal ? .seconds(60) : min(.seconds(10), pause * 2)
                } catch {
                    self.logger.warning("can't write an application down", metadata: ["error": "\(error)"])
                    pause = .seconds(1)
                }
                // Cancelled: the loop's condition ends it.
                try? await Task.sleep(for: pause * Double.random(in: 0.8...1.2))
            }
        }
    }

    private func look(_ directory: DiscordDirectory) async throws {
        let askedAt = ContinuousClock.now
        let found = try await directory.application()
        if let named = self.entry.application, named != found.id {
            throw DiscordDirectory.Failure(
                isFatal: true,
                description: "the token that FLOTILLA_DISCORD_TOKENS has for application \(named) "
                    + "is the one of application \(found.id)")
        }
        let application = DiscordApplication(
            id: found.id, name: found.name, gatewayURL: self.settings.gatewayURL ?? found.gatewayURL,
            recommendedShards: found.recommendedShards, sessionStartTotal: found.sessionStartTotal,
            sessionStartRemaining: found.sessionStartRemaining, sessionStartResetsAfter: found.sessionStartResetsAfter,
            maxConcurrency: found.maxConcurrency)
        let shards = self.settings.shards[found.id]
        self.keeper.applicationFound(
            application, shards: shards == 0 ? nil : shards, intents: UInt64(self.settings.intents[found.id]),
            askedAt: askedAt)
    }
}
