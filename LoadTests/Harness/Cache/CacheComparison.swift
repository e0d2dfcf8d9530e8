import Discord
import GuildCache
import NIOCore

/// Compares the guild cache with the sandbox' model, once nothing is on its way any more. What the cache itself calls
/// unsure is counted and not compared; what it vouches for has to be right to the last value.
///
/// Not compared: presences; `last_message_id`, which no event of a channel tells; a thread's counts and the bot's own
/// membership of it; `joined_at` and `large`; `deaf` and `mute` of members whose last event left them out; roles that
/// are gone, where members and overwrites still name them. Of kinds that are kept in part, what is missing is not
/// missed. Of a guild that is unavailable nothing but that is compared.
struct CacheComparison {
    let kinds: CacheKinds
    /// Redis lost what it had, and nobody has fetched it since: guilds may be missing. Otherwise all have to be there.
    var mayLack = false
    /// Whoever fetches unsure guilds over REST has had the time to.
    var hasHealed = false

    /// What the sandbox' REST tells of. It has no routes for active threads, and none tells of voice and members.
    private static let fetched: Set<CacheKind> = [.guild, .channels, .roles, .emojis, .stickers]
    private static let ignored: [CacheKind: Set<String>] = [
        .guild: Set(
            ModelGuild.apart.union([
                "channels", "roles", "emojis", "stickers", "threads", "voice_states", "stage_instances",
                "guild_scheduled_events", "soundboard_sounds",
            ])),
        .channels: ["guild_id", "last_message_id"],
        .threads: [
            "guild_id", "last_message_id", "newly_created", "message_count", "member_count", "total_message_sent",
            "member",
        ],
        .members: ["guild_id"], .voice: ["guild_id", "member"],
    ]
    /// What a member's last event may have left out.
    private static let leftOut: Set<String> = ["deaf", "mute"]

    func verdict(_ model: [ModelGuild], _ cache: [GuildInCache]) -> Verdict {
        var findings = Findings(self.hasHealed ? "cache after refill" : "cache")
        let found = Dictionary(cache.map { ($0.id, $0) }) { first, _ in first }
        for guild in model {
            findings.checked += 1
            self.compare(guild, found[guild.id], &findings)
        }
        let known = Set(model.map(\.id))
        for guild in cache where !known.contains(guild.id) && guild.state != "gone" {
            if guild.state == "unsure", !self.hasHealed {
                findings.count("unsure guilds that the bot is not in")
            } else {
                findings.violated("guild \(guild.id): the bot is not in it, and the cache has it as \(guild.state)")
            }
        }
        return findings.verdict
    }

    private func compare(_ model: ModelGuild, _ cached: GuildInCache?, _ findings: inout Findings) {
        guard let cached else {
            guard self.mayLack, !self.hasHealed else { return findings.violated("guild \(model.id) is missing") }
            return findings.count("missing guilds")
        }
        guard cached.state != "gone" else {
            return findings.violated("guild \(model.id) is gone, and the bot is in it")
        }
        if !cached.isIndexed { findings.violated("guild \(model.id) is not in the index of guilds") }
        guard model.isUnavailable == (cached.state == "unavailable") else {
            // What may have missed something may have missed an outage.
            if cached.state == "unsure", !self.hasHealed { return findings.count("unsure guilds") }
            return findings.violated(
                "guild \(model.id) is \(cached.state), and \(model.isUnavailable ? "unavailable" : "there")")
        }
        guard !model.isUnavailable else { return findings.count("unavailable guilds") }
        // Of these a refilled guild keeps a part until its next GUILD_CREATE.
        let refilled = cached.parts.intersection(CacheKind.onlyInGuildCreate)
        let kept = Set(CacheKind.allCases.filter { self.kinds.keeps($0) })
        let parts = kept.filter { self.kinds.isInPart($0) || refilled.contains($0) }
        let whole = kept.subtracting(parts)
        if cached.kinds != whole || cached.parts != parts {
            findings.violated(
                "guild \(model.id) keeps \(Self.list(cached.kinds)) and in part \(Self.list(cached.parts)) instead of "
                    + "\(Self.list(whole)) and \(Self.list(parts))")
        }
        let isWarm = cached.state == "warm" && cached.unsure.isEmpty
        findings.count(isWarm ? "warm guilds" : "\(cached.state) guilds")
        let fetched = cached.unsure.intersection(Self.fetched)
        if self.hasHealed, !fetched.isEmpty {
            findings.violated("guild \(model.id) is still \(cached.state), unsure of \(Self.list(fetched))")
        }
        if cached.state == "warm", !cached.unsure.isEmpty {
            findings.violated("guild \(model.id) is warm, and unsure of \(Self.list(cached.unsure))")
        }
        if isWarm, cached.memberCount != model.memberCount {
            findings.violated(
                "guild \(model.id): \(cached.memberCount.map { "\($0)" } ?? "no count of") members instead of "
                    + "\(model.memberCount ?? 0)")
        }
        for kind in CacheKind.allCases where whole.contains(kind) || parts.contains(kind) {
            guard !cached.unsure.contains(kind) else {
                findings.count("unsure kinds")
                continue
            }
            if kind == .guild {
                self.compareGuild(model, cached, &findings)
            } else if kind != .presences {
                self.compare(kind, model, cached, isWhole: whole.contains(kind), &findings)
            }
        }
    }

    private func compareGuild(_ model: ModelGuild, _ cached: GuildInCache, _ findings: inout Findings) {
        findings.count("objects")
        do throws(SliceError) {
            let fields = try cached.fields.map { (bytes) throws(SliceError) in try JSONTree(bytes) }
            guard let fields = fields?.without(Self.ignored[.guild] ?? []) else {
                return findings.violated("guild \(model.id) has no fields")
            }
            if fields != model.fields {
                findings.violated("guild \(model.id): \(Self.difference(fields, from: model.fields))")
            }
        } catch {
            findings.violated("guild \(model.id) can't be read: \(error)")
        }
    }

    private func compare(
        _ kind: CacheKind, _ model: ModelGuild, _ cached: GuildInCache, isWhole: Bool, _ findings: inout Findings
    ) {
        let expected = model.lists[kind] ?? [:]
        let found = cached.lists[kind] ?? [:]
        if isWhole {
            for id in expected.keys.sorted() where found[id] == nil {
                findings.violated("guild \(model.id): \(kind) lack \(id)")
            }
        }
        for (id, bytes) in found.sorted(by: { $0.key < $1.key }) {
            findings.count("objects")
            guard let right = expected[id] else {
                findings.violated("guild \(model.id): \(kind) still have \(id)")
                continue
            }
            // Most values are the very bytes.
            guard bytes != right || kind == .channels else { continue }
            do throws(SliceError) {
                let known = self.lasting(kind, try JSONTree(bytes), id, model, cached)
                var wanted = self.lasting(kind, try JSONTree(right), id, model, nil)
                if kind == .members { wanted = wanted.without(Self.leftOut.filter { known[$0] == nil }) }
                if known != wanted {
                    findings.violated("guild \(model.id): \(kind) \(id): \(Self.difference(known, from: wanted))")
                }
            } catch {
                findings.violated("guild \(model.id): \(kind) \(id) can't be read: \(error)")
            }
        }
    }

    /// What has to be alike.
    ///
    /// - Parameter cached: whose notes count for more than the object; nil for the model's side.
    private func lasting(
        _ kind: CacheKind, _ object: JSONTree, _ id: UInt64, _ model: ModelGuild, _ cached: GuildInCache?
    ) -> JSONTree {
        var object = object.without(Self.ignored[kind] ?? [])
        let roles = model.lists[.roles] ?? [:]
        switch kind {
        case .channels:
            for name in ["last_pin_timestamp", "status", "voice_start_time"] {
                guard let note = cached?.notes["\(id):\(name)"] else { continue }
                // What can't be read shows as a difference.
                object = object.with(name, (try? JSONTree(note)) ?? .scalar(String(buffer: note)))
            }
            if case .array(let overwrites)? = object["permission_overwrites"] {
                // Of roles (type 0) that are gone nothing is told.
                let left = overwrites.filter { item in
                    item["type"] != .scalar("0") || item["id"]?.id.map { roles[$0] != nil } ?? true
                }
                object = object.with("permission_overwrites", .array(left))
            }
            return object
        case .members:
            let left = object["roles"]?.elements.filter { role in role.id.map { roles[$0] != nil } ?? true } ?? []
            return object.with("roles", .array(left.sorted { ($0.id ?? 0) < ($1.id ?? 0) }))
        case .guild, .roles, .threads, .emojis, .stickers, .voice, .presences, .stages, .events, .sounds:
            return object
        }
    }

    private static func list(_ kinds: Set<CacheKind>) -> String {
        kinds.isEmpty ? "nothing" : kinds.map(\.rawValue).sorted().joined(separator: ",")
    }

    /// Where two values part, for people.
    static func difference(_ found: JSONTree, from wanted: JSONTree) -> String {
        guard case .object(let found) = found, case .object(let wanted) = wanted else {
            return "\(self.text(found)) instead of \(self.text(wanted))"
        }
        let names = Set(found.keys).union(wanted.keys).sorted().filter { found[$0] != wanted[$0] }
        return names.map { name in
            guard let left = found[name] else { return "\(name) is missing" }
            guard let right = wanted[name] else { return "\(name) should not be there" }
            if case .object = left, case .object = right { return "\(name): \(self.difference(left, from: right))" }
            return "\(name) is \(self.text(left)) instead of \(self.text(right))"
        }.joined(separator: "; ")
    }

    private static func text(_ value: JSONTree) -> String {
        switch value {
        case .scalar(let text): return String(text.prefix(100))
        case .array(let elements):
            return String("[\(elements.map { self.text($0) }.joined(separator: ","))]".prefix(200))
        case .object(let members):
            let text = members.sorted { $0.key < $1.key }.map { "\($0.key):\(self.text($0.value))" }
            return String("{\(text.joined(separator: ","))}".prefix(200))
        }
    }
}
