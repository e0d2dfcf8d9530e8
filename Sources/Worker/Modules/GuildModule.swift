import Discord
import GuildCache

/// `guild`: tells of the server what the guild cache knows.
struct GuildModule: WorkerModule {
    let commands: [Command]

    init(cache: GuildCache) {
        self.commands = [
            Command(name: "guild", description: "Tells about this server.") { invocation in
                CommandReply(content: await Self.answer(invocation, cache))
            }
        ]
    }

    private static func answer(_ invocation: CommandInvocation, _ cache: GuildCache) async -> String {
        guard let id = invocation.guild, let application = invocation.application else {
            return "This is no server."
        }
        let guild = GuildCache.Guild(id, of: application)
        do {
            let object = try await cache.guild(guild)
            guard let name = object.value?.name else { return "I don't know this server yet." }
            let members = try await cache.state(of: guild)?.memberCount
            let channels = try await cache.count(.channels, of: guild)
            let roles = try await cache.count(.roles, of: guild)
            let counts = [
                self.count(members, "member"), self.count(channels.value, "channel"), self.count(roles.value, "role"),
            ]
            var isCertain = true
            if case .unsure = object { isCertain = false }
            for case .unsure in [channels, roles] { isCertain = false }
            return "**\(name)**: \(counts.compactMap { $0 }.joined(separator: ", "))"
                + (isCertain ? "" : " (when I last looked)")
        } catch {
            return "I can't look right now."
        }
    }

    private static func count(_ count: Int?, _ word: String) -> String? {
        count.map { $0 == 1 ? "1 \(word)" : "\($0) \(word)s" }
    }
}
