import DequeModule
import Discord
import Gateway
import ServiceLifecycle

/// Sends the GUILD_CREATEs that READY announced to sessions with many guilds, as fast as their clients read.
struct GuildLoader: Service {
    private static let turn = Duration.milliseconds(10)

    let hub: Hub

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                while self.hub.loadGuilds(), !Task.isCancelled { await Task.yield() }
                // Cancellation only ends the wait: the loop looks at it.
                try? await Task.sleep(for: Self.turn)
            }
        }
    }
}

extension Hub {
    /// Guilds that come in one go with READY, and later at once for each session.
    static let guildsAtOnce = 64
    private static let guildsInTurn = 8

    /// Sends the next guilds of each session that waits for some and whose client reads.
    ///
    /// - Returns: whether there is more to be sent right now.
    func loadGuilds() -> Bool {
        self.withState { state in
            var isMore = false
            for (id, guilds) in state.waitingGuilds {
                guard state.sessions.hearer(id) != nil else {
                    state.waitingGuilds[id] = nil
                    continue
                }
                guard let handler = state.connections[id], handler.connection.isWritable else { continue }
                for guild in guilds.prefix(Self.guildsInTurn) {
                    self.sendLateGuild(LateGuild(due: self.clock.instant(), session: id, guild: guild), &state)
                }
                let rest = Deque(guilds.dropFirst(Self.guildsInTurn))
                state.waitingGuilds[id] = rest.isEmpty ? nil : rest
                isMore = isMore || !rest.isEmpty
            }
            return isMore
        }
    }
}
