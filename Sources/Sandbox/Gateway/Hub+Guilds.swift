import DequeModule
import Discord
import NIOCore

/// Guilds that come, come late, or are in an outage.
extension Hub {
    /// What becomes of one guild after READY.
    private enum Arrival { case now, late, unavailable }

    /// Decided by the guild's id, so that it is the same for every session and in every run.
    private func arrival(of guild: Snowflake) -> Arrival {
        let lot = Int(SeededRandom.mix(guild.rawValue) % 100)
        if lot < self.settings.unavailableGuildShare { return .unavailable }
        return lot < self.settings.unavailableGuildShare + self.settings.lateGuildShare ? .late : .now
    }

    func comesLate(_ guild: Snowflake) -> Bool { self.arrival(of: guild) != .now }

    /// After READY: a GUILD_CREATE for each guild, or GUILD_DELETE as unavailable, at once or later.
    func sendGuilds(_ guilds: [Snowflake], to session: GatewaySession, _ state: inout State) {
        let due = self.clock.instant() + self.settings.guildDelay
        var sent = 0
        for guild in guilds {
            if state.world.outages.contains(guild) {
                state.sessions.update(session.id) { $0.pendingGuilds.remove(guild) }
                self.sendUnavailable(guild, to: session.id, &state)
                continue
            }
            switch self.arrival(of: guild) {
            case .now where sent < Self.guildsAtOnce:
                sent += 1
                self.sendGuildCreate(guild, to: session.hearer, &state)
            case .now:
                state.sessions.update(session.id) { $0.pendingGuilds.insert(guild) }
                state.waitingGuilds[session.id, default: []].append(guild)
            case .unavailable:
                self.sendUnavailable(guild, to: session.id, &state)
                state.lateGuilds.append(LateGuild(due: due, session: session.id, guild: guild))
            case .late: state.lateGuilds.append(LateGuild(due: due, session: session.id, guild: guild))
            }
        }
    }

    func sendLateGuild(_ late: LateGuild, _ state: inout State) {
        guard let hearer = state.sessions.hearer(late.session), state.sessions.isPending(late.guild, in: late.session)
        else { return }
        state.sessions.update(late.session) { $0.pendingGuilds.remove(late.guild) }
        guard state.world.guilds[late.guild]?.members.contains(hearer.user) ?? false else { return }
        if state.world.outages.contains(late.guild) {
            self.sendUnavailable(late.guild, to: late.session, &state)
        } else {
            self.sendGuildCreate(late.guild, to: hearer, &state)
        }
    }

    private func sendUnavailable(_ guild: Snowflake, to session: String, _ state: inout State) {
        let body: JSONValue = ["id": .id(guild), "unavailable": true]
        self.send(.guildDelete, body.encoded, guild: guild, to: session, &state)
    }

    func sendGuildCreate(_ id: Snowflake, to hearer: GatewaySession.Hearer, _ state: inout State) {
        guard let guild = state.world.guilds[id] else { return }
        let body = state.world.guildCreate(guild, for: hearer.user, hearer.view)
        self.send(.guildCreate, body, guild: id, to: hearer.session, &state)
    }

    /// Begins an outage of guilds, or ends it. Their members hear GUILD_DELETE as unavailable, or GUILD_CREATE.
    ///
    /// - Returns: those that it changed.
    func setUnavailable(_ isUnavailable: Bool, _ guilds: [Snowflake], _ state: inout State) -> [Snowflake] {
        let changed = guilds.filter { id in
            guard let guild = state.world.guilds[id] else { return false }
            return guild.isUnavailable != isUnavailable
        }
        for id in changed {
            state.world.setUnavailable(isUnavailable, id)
            for user in state.sessions.users where state.world.guilds[id]?.members.contains(user) ?? false {
                for hearer in state.sessions.hearers(of: user, guild: id)
                where hearer.wants(.guildCreate, inGuild: true) {
                    state.sessions.update(hearer.session) { $0.pendingGuilds.remove(id) }
                    if isUnavailable {
                        self.sendUnavailable(id, to: hearer.session, &state)
                    } else {
                        self.sendGuildCreate(id, to: hearer, &state)
                    }
                }
            }
        }
        return changed
    }
}
