import Discord
import Foundation
import NIOCore
import NIOFoundationCompat

/// What the cache is refilled from: Discord's REST API.
struct RefillSource: Sendable {
    enum Answer: Sendable {
        case found(ByteBuffer)
        /// Discord says that there is no such guild, or that it is none of ours.
        case noSuchGuild
        /// Another refusal: this much can't be had.
        case refused
    }

    private struct Application: Decodable {
        let id: Snowflake
    }

    private static let unknownGuild = 10_004
    private static let missingAccess = 50_001
    private static let deadline: Duration = .seconds(20)

    let rest: DiscordREST

    func application() async throws -> Snowflake {
        let nothing: [String]? = nil
        let answer = try await self.rest.send(.ownApplication, body: nothing, within: Self.deadline)
        return try JSONDecoder().decode(Application.self, from: answer).id
    }

    /// - Throws: `DiscordREST.Failure` when there was no answer in time.
    func get(_ route: DiscordRoute) async throws -> Answer {
        let nothing: [String]? = nil
        do {
            return .found(try await self.rest.send(route, body: nothing, within: Self.deadline))
        } catch let failure as DiscordREST.Failure {
            guard case .refused(_, let code) = failure.code else { throw failure }
            return [Self.unknownGuild, Self.missingAccess].contains(code) ? .noSuchGuild : .refused
        }
    }
}
