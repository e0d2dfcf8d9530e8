/// What a generated world is like, told in one line such as `seed=7,guilds=200,members=20-2000`.
///
/// Ranges are inclusive; a single number is a range of one. Sizes are long-tailed: most are near the lower end.
package struct WorldSpec: Sendable, Equatable {
    /// Why a text is no spec: what was given, and what is expected.
    package struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String
    }

    package var seed: UInt64 = 1
    /// 0 to 100,000.
    package var guilds = 100
    /// People in a guild, bots not counted: 1 to 1,000,000.
    package var members = 10...50_000
    /// Of a guild, categories and voice channels included: 1 to 480.
    package var channels = 4...80
    /// That members have, besides `@everyone` and those of bots: 0 to 200.
    package var roles = 1...40
    /// 0 to 250.
    package var emojis = 0...50
    /// Applications whose bots are in every guild: 1 to 16.
    package var applications = 1

    package init() {}

    package init(parsing text: String) throws(Problem) {
        var seen: Set<String> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let key = halves[0].trimmingSpaces
            guard halves.count == 2, !key.isEmpty else {
                throw Problem(description: "parts such as seed=7 with commas between, not \"\(part)\"")
            }
            guard seen.insert(key).inserted else { throw Problem(description: "each key once, not \(key) again") }
            try self.set(key, halves[1].trimmingSpaces)
        }
    }

    private mutating func set(_ key: String, _ value: String) throws(Problem) {
        switch key {
        case "seed":
            guard let seed = UInt64(value) else {
                throw Problem(description: "seed as a whole number from 0 to \(UInt64.max), not \"\(value)\"")
            }
            self.seed = seed
        case "guilds": self.guilds = try Self.number(key, value, in: 0...100_000)
        case "members": self.members = try Self.range(key, value, in: 1...1_000_000)
        case "channels": self.channels = try Self.range(key, value, in: 1...480)
        case "roles": self.roles = try Self.range(key, value, in: 0...200)
        case "emojis": self.emojis = try Self.range(key, value, in: 0...250)
        case "applications": self.applications = try Self.number(key, value, in: 1...16)
        default:
            throw Problem(
                description: "one of seed, guilds, members, channels, roles, emojis and applications, not \"\(key)\"")
        }
    }

    private static func number(_ key: String, _ value: String, in limits: ClosedRange<Int>) throws(Problem) -> Int {
        guard let number = Int(value), limits.contains(number) else {
            throw Problem(
                description:
                    "\(key) as a whole number from \(limits.lowerBound) to \(limits.upperBound), not \"\(value)\"")
        }
        return number
    }

    private static func range(
        _ key: String, _ value: String, in limits: ClosedRange<Int>
    ) throws(Problem) -> ClosedRange<Int> {
        let ends = value.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1], low <= high,
            limits.contains(low), limits.contains(high)
        else {
            throw Problem(
                description: "\(key) as a number from \(limits.lowerBound) to \(limits.upperBound), or a range such as "
                    + "\(limits.lowerBound)-\(min(limits.upperBound, 200)), not \"\(value)\"")
        }
        return low...high
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
