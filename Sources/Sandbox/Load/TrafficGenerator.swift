import DequeModule
import Discord
import NIOCore

/// Lets a generated world live: each call of `next` lets one thing happen, changes the world and emits what a bot hears
/// of it. The same seed and the same times give the same bytes.
///
/// It knows no clock: the world's `now` is the moment. What it picks never depends on the order of a dictionary.
struct TrafficGenerator: Sendable {
    /// A guild in which something happens. It is no copy of the guild, since that would make each change copy tables.
    struct Place: Sendable {
        let id: Snowflake
        let origin: Blueprint.Origin
    }

    struct Sent: Sendable, Equatable {
        let guild: Snowflake
        let channel: Snowflake
        let message: Snowflake
    }

    var random: SeededRandom
    /// Messages that can be edited, answered or deleted, oldest first; older ones are forgotten by the world too.
    var recent: Deque<Sent> = []
    /// Who came lately: about half of those who go.
    var newcomers: Deque<(guild: Snowflake, user: Snowflake)> = []
    /// Guilds in an outage, and when it began, in events.
    var outages: Deque<(guild: Snowflake, began: Int)> = []
    /// Guilds that a bot was removed from, to be invited again.
    var left: Deque<(guild: Snowflake, bot: Snowflake)> = []
    /// Things that happened.
    private(set) var count = 0

    static let recentLimit = 16_384
    static let newcomerLimit = 4096

    init(seed: UInt64) { self.random = SeededRandom(seed: seed ^ 0x7472_6166_6669_6300) }

    /// Lets one thing happen. Without a guild that gives events, nothing does.
    mutating func next(in world: inout World) {
        guard let blueprint = world.blueprint, blueprint.guildCount > 0 else { return }
        // What a guild can't do right now is made up for by what is always possible.
        for kind in [TrafficKind.pick(&self.random), .message, .presence] {
            guard self.perform(kind, blueprint, &world) else { continue }
            self.count += 1
            return
        }
    }

    private mutating func perform(_ kind: TrafficKind, _ blueprint: Blueprint, _ world: inout World) -> Bool {
        switch kind {
        case .messageEdit: return self.editMessage(&world)
        case .messageDelete: return self.deleteMessage(&world)
        case .bulkDelete: return self.deleteMessages(&world)
        case .reactionAdd: return self.addReaction(&world)
        case .reactionRemove: return self.removeReaction(&world)
        case .botJoin: return self.letBotJoin(&world)
        case .outageEnd: return self.endOutage(&world)
        default: break
        }
        guard let place = self.pickGuild(blueprint, world) else { return false }
        switch kind {
        case .presence: return self.changePresence(in: place, &world)
        case .message: return self.sendMessage(in: place, &world)
        case .typing: return self.type(in: place, &world)
        case .voice: return self.changeVoice(in: place, &world)
        case .memberUpdate: return self.updateMember(of: place, &world)
        case .memberAdd: return self.addMember(to: place, &world)
        case .memberRemove: return self.removeMember(of: place, &world)
        case .interaction: return self.interact(in: place, &world)
        case .channelCreate: return self.createChannel(in: place, &world)
        case .channelUpdate: return self.updateChannel(in: place, &world)
        case .channelDelete: return self.deleteChannel(in: place, &world)
        case .roleCreate: return self.createRole(in: place, &world)
        case .roleUpdate: return self.updateRole(in: place, &world)
        case .roleDelete: return self.deleteRole(in: place, &world)
        case .threadCreate: return self.createThread(in: place, &world)
        case .threadUpdate: return self.updateThread(in: place, &world)
        case .threadDelete: return self.deleteThread(in: place, &world)
        case .guildUpdate: return self.updateGuild(place, &world)
        case .emojisUpdate: return self.updateEmojis(of: place, &world)
        case .stickersUpdate: return self.updateStickers(of: place, &world)
        case .botLeave: return self.letBotLeave(place, &world)
        case .outageBegin: return self.beginOutage(of: place, &world)
        case .messageEdit, .messageDelete, .bulkDelete, .reactionAdd, .reactionRemove, .botJoin, .outageEnd:
            return false  // done above
        }
    }

    // MARK: Picking

    /// A guild that a bot hears of; the livelier the likelier.
    private mutating func pickGuild(_ blueprint: Blueprint, _ world: World) -> Place? {
        for _ in 0..<8 {
            let index = blueprint.pickGuild(&self.random)
            if let place = Self.place(blueprint.guildID(index), world) { return place }
        }
        return nil
    }

    /// The guild, if a bot hears of what happens in it.
    static func place(_ id: Snowflake, _ world: World) -> Place? {
        guard !world.outages.contains(id), let origin = world.guilds[id]?.origin,
            !Self.bots(in: id, origin, world).isEmpty
        else { return nil }
        return Place(id: id, origin: origin)
    }

    /// The bots of the world that are in the guild.
    static func bots(in guild: Snowflake, _ origin: Blueprint.Origin, _ world: World) -> [Snowflake] {
        origin.blueprint.applications.filter { world.guilds[guild]?.members.contains($0) ?? false }
    }

    /// One of the guild's own people who is still there. A few do most of what is done.
    mutating func pickMember(of place: Place, _ world: World) -> Member? {
        let origin = place.origin
        let size = origin.blueprint.size(of: origin.guild)
        for _ in 0..<4 {
            let unit = self.random.unit()
            let ordinal = origin.blueprint.applications.count + Int(unit * unit * Double(size))
            if let member = world.guilds[place.id]?.members.original(ordinal) { return member }
        }
        return nil
    }

    /// A channel that some bot may view. The first ones are the liveliest.
    mutating func pickChannel(
        of place: Place, _ world: World, where isWanted: (Channel) -> Bool
    ) -> Channel? {
        let origin = place.origin
        let count = origin.channelCount
        let added = world.guilds[place.id]?.channelIDs.added ?? []
        for _ in 0..<6 {
            var id: Snowflake?
            if !added.isEmpty, self.random.below(8) == 0 {
                id = added[self.random.below(added.count)]
            } else {
                let unit = self.random.unit()
                id = origin.blueprint.id(.channel, Int(unit * unit * Double(count)), in: origin.guild)
            }
            if let channel = id.flatMap({ world.channels[$0] }), isWanted(channel), Self.isViewed(channel, world) {
                return channel
            }
        }
        return nil
    }

    /// A thread that is not archived and that some bot may view.
    mutating func pickThread(of place: Place, _ world: World) -> Channel? {
        let threads = world.guilds[place.id]?.threadIDs.all ?? []
        guard !threads.isEmpty, let thread = world.channels[threads[self.random.below(threads.count)]] else {
            return nil
        }
        return thread.thread?.isArchived == false && Self.isViewed(thread, world) ? thread : nil
    }

    private static func isViewed(_ channel: Channel, _ world: World) -> Bool {
        world.blueprint?.applications.contains { world.permissions(of: $0, in: channel).contains(.viewChannel) }
            ?? false
    }

    // MARK: Telling

    func emit(
        _ name: EventName, to audience: Dispatch.Audience, guild: Snowflake, _ world: inout World,
        capacity: Int = 512, _ write: (inout JSONWriter) -> Void
    ) {
        var writer = JSONWriter(capacity: capacity)
        write(&writer)
        world.emit(Dispatch(name, to: audience, guild: guild, bytes: writer.bytes))
    }

    mutating func words(_ range: ClosedRange<Int>) -> String {
        let unit = self.random.unit()
        let count = range.lowerBound + Int(unit * unit * Double(range.count))
        var text = ""
        for index in 0..<count {
            if index > 0 { text += " " }
            text += BlueprintNames.words[self.random.below(BlueprintNames.words.count)]
        }
        return text
    }
}
