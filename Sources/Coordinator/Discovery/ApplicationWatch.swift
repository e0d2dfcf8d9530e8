import CoordinatorCore
import Logging
import Runtime
import ServiceLifecycle

/// Finds out which bot the token belongs to, and keeps its gateway facts fresh.
struct ApplicationWatch: Service {
    /// `/gateway/bot` changes as guilds come and go.
    private static let interval: Duration = .seconds(300)

    let directory: DiscordDirectory
    let settings: CoordinatorSettings
    let keeper: ClusterKeeper
    let health: HealthState
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var pause: Duration = .milliseconds(500)
            while !Task.isCancelled {
                do {
                    try await self.look()
                    self.health.setReady("discord")
                    pause = Self.interval
                } catch let error as DiscordDirectory.Failure {
                    self.health.setReady("discord", failing: error.description)
                    self.logger.log(
                        level: error.isFatal ? .error : .warning, "can't ask Discord about the bot",
                        metadata: ["error": "\(error)"])
                    pause = error.isFatal ? .seconds(60) : min(.seconds(10), pause * 2)
                } catch {
                    self.logger.warning("can't write the application down", metadata: ["error": "\(error)"])
                    pause = .seconds(1)
                }
                // Cancelled: the loop's condition ends it.
                try? await Task.sleep(for: pause * Double.random(in: 0.8...1.2))
            }
        }
    }

    private func look() async throws {
        let askedAt = ContinuousClock.now
        let found = try await self.directory.application()
        let application = DiscordApplication(
            id: found.id, name: found.name, gatewayURL: self.settings.gatewayURL ?? found.gatewayURL,
            recommendedShards: found.recommendedShards, sessionStartTotal: found.sessionStartTotal,
            sessionStartRemaining: found.sessionStartRemaining, sessionStartResetsAfter: found.sessionStartResetsAfter,
            maxConcurrency: found.maxConcurrency)
        let shards = self.settings.shards == 0 ? nil : self.settings.shards
        await self.keeper.applicationFound(
            application, shards: shards, intents: self.settings.intents, askedAt: askedAt)
    }
}
