import AsyncHTTPClient
import CoordinatorCore
import Discord
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Runtime

/// Asks Discord about the bot that a token belongs to.
struct DiscordDirectory: Sendable {
    struct Failure: Error, CustomStringConvertible {
        /// The token is wrong: nothing but another token helps.
        let isFatal: Bool
        let description: String
    }

    /// Such as `https://discord.com/api/v10`.
    let apiURL: String
    let token: Secret
    let http: HTTPClient

    func application() async throws(Failure) -> DiscordApplication {
        let bot: GatewayBot = try await self.get("/gateway/bot")
        let application: Application = try await self.get("/applications/@me")
        return DiscordApplication(
            id: application.id,
            name: application.name,
            gatewayURL: bot.url,
            recommendedShards: max(1, bot.shards),
            sessionStartTotal: bot.sessionStartLimit.total,
            sessionStartRemaining: bot.sessionStartLimit.remaining,
            sessionStartResetsAfter: .milliseconds(bot.sessionStartLimit.resetAfter),
            maxConcurrency: max(1, bot.sessionStartLimit.maxConcurrency)
        )
    }

    private struct GatewayBot: Decodable {
        struct Limit: Decodable {
            let total: Int
            let remaining: Int
            let resetAfter: Int
            let maxConcurrency: Int
        }

        let url: String
        let shards: Int
        let sessionStartLimit: Limit
    }

    private struct Application: Decodable {
        let id: Snowflake
        let name: String
    }

    private func get<Answer: Decodable>(_ path: String) async throws(Failure) -> Answer {
        let status: Int
        let bytes: ByteBuffer
        do {
            var request = HTTPClientRequest(url: self.apiURL + path)
            request.headers.add(name: "authorization", value: "Bot \(self.token.reveal())")
            request.headers.add(name: "user-agent", value: "DiscordBot (https://github.com/flotilla, 0.1)")
            let http = self.http
            let sent = request
            (status, bytes) = try await withDeadline(.seconds(5)) {
                let response = try await http.execute(sent, timeout: .seconds(5))
                return (Int(response.status.code), try await response.body.collect(upTo: 1 << 20))
            }
        } catch {
            throw Failure(isFatal: false, description: "GET \(self.apiURL)\(path): no answer (\(error))")
        }
        guard status == 200 else {
            let hint = status == 401 ? "; the bot's token is wrong or was reset" : ""
            throw Failure(isFatal: status == 401, description: "GET \(self.apiURL)\(path): status \(status)\(hint)")
        }
        do {
            let decoder = JSONDecoder()
            decoder.keyDecodingStrategy = .convertFromSnakeCase
            return try decoder.decode(Answer.self, from: bytes)
        } catch {
            throw Failure(isFatal: false, description: "GET \(self.apiURL)\(path): the answer can't be read (\(error))")
        }
    }
}
