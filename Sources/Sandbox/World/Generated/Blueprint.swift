import Discord
import Foundation

/// A generated world as it is before anything happened: decided by its spec alone, and made part by part when asked
/// for, so that 100,000 guilds with all their members need no memory.
///
/// Ids tell what they are of: guilds and what belongs to them have a time span for each guild, users one for each user.
/// Guilds and people are counted from 0, and so are the parts of a guild.
final class Blueprint: Sendable {
    /// One guild of a blueprint.
    struct Origin: Sendable {
        let blueprint: Blueprint
        let guild: Int
    }

    /// What an id belongs to.
    enum Tag: UInt64, Sendable {
        case guild = 0
        case channel, role, emoji, sticker, thread
    }

    /// What a random number decides.
    enum Salt: UInt64, Sendable {
        case time = 1
        case low, size, activity, name, icon, channels, roles, emojis, stickers, threads, members, channel, role, user,
            member, presence, voice, thread, emoji, bot
    }

    let spec: WorldSpec
    /// The applications whose bots are in every guild.
    let applications: [Snowflake]
    /// People of each guild.
    private let sizes: [UInt32]
    /// The sum of the activity of a guild and all before it.
    private let activity: [UInt64]

    // Milliseconds since Discord's epoch. Users end before guilds begin, and guilds end before those of the demo world.
    private static let usersBegin: UInt64 = 1_000_000_000
    private static let userSpan: UInt64 = 40_000
    private static let guildsBegin: UInt64 = 50_000_000_000
    private static let guildSpan: UInt64 = 2_000_000
    /// Joins lie between a guild's beginning and this: 2025-01-01.
    static let present: Int64 = 1_735_689_600_000

    /// People of all guilds together; a prime, so that each guild can have an order of its own over them.
    static let population = 1_000_003

    init(_ spec: WorldSpec, applications: [Snowflake]) {
        self.spec = spec
        self.applications = applications
        var sizes: [UInt32] = []
        var activity: [UInt64] = []
        sizes.reserveCapacity(spec.guilds)
        activity.reserveCapacity(spec.guilds)
        var sum: UInt64 = 0
        for guild in 0..<spec.guilds {
            let size = Self.longTailed(spec.members, unit: Self.unit(spec.seed, guild, .size))
            sizes.append(UInt32(clamping: size))
            // Large guilds say more, each member less; and of equal ones some are livelier than others.
            let liveliness = exp(2 * Self.unit(spec.seed, guild, .activity) - 1)
            sum += UInt64(max(1, 100 * pow(Double(size), 0.7) * liveliness))
            activity.append(sum)
        }
        self.sizes = sizes
        self.activity = activity
    }

    /// Bounded Pareto with exponent 1.05: a value ten times as large is eleven times as rare.
    private static func longTailed(_ range: ClosedRange<Int>, unit: Double) -> Int {
        guard range.lowerBound > 0, range.lowerBound < range.upperBound else {
            return range.lowerBound + Int(unit * unit * unit * Double(range.count))
        }
        let low = Double(range.lowerBound)
        let ratio = pow(low / Double(range.upperBound + 1), 1.05)
        let value = low / pow(1 - unit * (1 - ratio), 1 / 1.05)
        return min(max(Int(value), range.lowerBound), range.upperBound)
    }

    // MARK: Random numbers

    func random(_ guild: Int, _ salt: Salt, _ item: Int = 0) -> UInt64 {
        Self.random(self.spec.seed, guild, salt, item)
    }

    func unit(_ guild: Int, _ salt: Salt, _ item: Int = 0) -> Double {
        Double(self.random(guild, salt, item) >> 11) * 0x1p-53
    }

    private static func unit(_ seed: UInt64, _ guild: Int, _ salt: Salt) -> Double {
        Double(self.random(seed, guild, salt, 0) >> 11) * 0x1p-53
    }

    private static func random(_ seed: UInt64, _ guild: Int, _ salt: Salt, _ item: Int) -> UInt64 {
        let first = SeededRandom.mix(seed &+ salt.rawValue &* 0x9E37_79B9_7F4A_7C15)
        return SeededRandom.mix(
            SeededRandom.mix(first &+ UInt64(truncatingIfNeeded: guild)) &+ UInt64(truncatingIfNeeded: item))
    }

    // MARK: Ids

    func id(_ tag: Tag, _ ordinal: Int, in guild: Int) -> Snowflake {
        let time = self.time(of: guild) + (tag == .guild ? 0 : 1 + UInt64(clamping: ordinal))
        let low = SeededRandom.mix(time ^ tag.rawValue) & 0xFFF
        return Snowflake(rawValue: time << 22 | tag.rawValue << 12 | low)
    }

    func guildID(_ guild: Int) -> Snowflake { self.id(.guild, 0, in: guild) }

    /// Whose id it is, if it is one of this world.
    func decode(_ id: Snowflake) -> (tag: Tag, ordinal: Int, guild: Int)? {
        let time = id.rawValue >> 22
        guard time >= Self.guildsBegin, let tag = Tag(rawValue: id.rawValue >> 12 & 0x3FF) else { return nil }
        let guild = Int((time - Self.guildsBegin) / Self.guildSpan)
        guard guild < self.spec.guilds, time >= self.time(of: guild) else { return nil }
        let ordinal = Int(time - self.time(of: guild)) - (tag == .guild ? 0 : 1)
        guard ordinal >= 0, tag != .guild || ordinal == 0, self.id(tag, ordinal, in: guild) == id else { return nil }
        return (tag, ordinal, guild)
    }

    private func time(of guild: Int) -> UInt64 {
        let offset = self.random(guild, .time) % (Self.guildSpan / 2)
        return Self.guildsBegin + UInt64(guild) * Self.guildSpan + offset
    }

    func userID(_ user: Int) -> Snowflake {
        let random = self.random(user, .user)
        let time = Self.usersBegin + UInt64(user) * Self.userSpan + random % Self.userSpan
        return Snowflake(rawValue: time << 22 | random >> 52)
    }

    /// The person whose id it is.
    func person(_ id: Snowflake) -> Int? {
        let time = id.rawValue >> 22
        guard time >= Self.usersBegin else { return nil }
        let user = Int((time - Self.usersBegin) / Self.userSpan)
        return user < Self.population && self.userID(user) == id ? user : nil
    }

    // MARK: Sizes

    var guildCount: Int { self.spec.guilds }

    /// People, without bots.
    func size(of guild: Int) -> Int { Int(self.sizes[guild]) }

    func count(_ range: ClosedRange<Int>, _ salt: Salt, in guild: Int) -> Int {
        // Larger guilds have more of everything, with exceptions.
        let share = min(1, log10(Double(self.size(of: guild))) / 5)
        let unit = self.unit(guild, salt)
        let portion = 0.7 * share * share + 0.3 * unit * unit * unit
        return min(range.upperBound, range.lowerBound + Int(portion * Double(range.count)))
    }

    /// A guild, the livelier the likelier. There is at least one.
    func pickGuild(_ random: inout SeededRandom) -> Int {
        guard let total = self.activity.last else { return 0 }
        let target = random.next().multipliedFullWidth(by: total).high
        var low = 0
        var high = self.activity.count - 1
        while low < high {
            let middle = (low + high) / 2
            if self.activity[middle] > target { high = middle } else { low = middle + 1 }
        }
        return low
    }

    // MARK: Who is in a guild

    /// The person that comes at this place among the people of a guild. A place past the guild's size is that of
    /// somebody who isn't in it.
    func person(at place: Int, in guild: Int) -> Int {
        let (factor, offset) = self.order(of: guild)
        return (factor * (place % Self.population) + offset) % Self.population
    }

    /// Where a person comes among the people of a guild; `nil` when not in it.
    func place(of person: Int, in guild: Int) -> Int? {
        let (factor, offset) = self.order(of: guild)
        let place = (person - offset + Self.population) % Self.population * Self.inverse(of: factor) % Self.population
        return place < self.size(of: guild) ? place : nil
    }

    private func order(of guild: Int) -> (factor: Int, offset: Int) {
        let random = self.random(guild, .members)
        return (
            1 + Int(random >> 32) % (Self.population - 1), Int(random & 0xFFFF_FFFF) % Self.population
        )
    }

    /// By Fermat: x^(p-2) is 1/x modulo the prime p.
    private static func inverse(of value: Int) -> Int {
        var result = 1
        var power = value
        var exponent = Self.population - 2
        while exponent > 0 {
            if exponent & 1 == 1 { result = result * power % Self.population }
            power = power * power % Self.population
            exponent >>= 1
        }
        return result
    }
}
