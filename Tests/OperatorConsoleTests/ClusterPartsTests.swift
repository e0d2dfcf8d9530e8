import ClusterAPI
import Discord
import Testing

@testable import OperatorConsole

@Suite("What of a cluster is meant")
struct ClusterPartsTests {
    private static let guild: Snowflake = 1_100_000_000_000_000_100

    // MARK: Guilds

    @Test func `A guild's shard, lane and worker follow from its id`() throws {
        let lanes = (0..<32).map { ClusterView.Lane(lane: $0, primary: "worker-\($0 % 2)", standby: nil) }
        let number = Int(Self.guild.rawValue >> 22)
        let view = Fixture.cluster((0..<4).map { Fixture.view($0, on: "shard-\($0 % 2)") }, lanes: lanes.reversed())
        let found = GuildLocation.all(of: Self.guild, in: view)
        let location = try #require(found.first)
        #expect(found.count == 1)
        #expect(location.shard == number % 4 && location.numShards == 4)
        #expect(location.slot?.member == "shard-\(number % 4 % 2)")
        #expect(location.lane == number % 32 && location.worker == "worker-\(number % 32 % 2)")
    }

    @Test func `Worked by hand`() throws {
        // 7 · 2^22 + 5
        let guild: Snowflake = 29_360_133
        let view = Fixture.cluster(
            [], lanes: (0..<5).map { .init(lane: $0, primary: nil, standby: nil) }, numShards: 3)
        let location = try #require(GuildLocation.all(of: guild, in: view).first)
        #expect(location.shard == 1 && location.lane == 2)
        #expect(location.slot == nil && location.worker == nil)
    }

    @Test func `While a reshard runs both generations are told`() {
        let view = Fixture.cluster(
            [Fixture.view(0, on: "a"), Fixture.view(0, on: "b", generation: 2)], reshard: Fixture.reshard("switching"))
        let found = GuildLocation.all(of: 0, in: view)
        #expect(found.map(\.numShards) == [4, 8] && found.map(\.slot?.member) == ["a", "b"])
    }

    @Test func `Without lanes nothing is divided by`() {
        #expect(GuildLocation.all(of: Self.guild, in: Fixture.cluster()).first?.lane == nil)
        #expect(GuildLocation.all(of: Self.guild, in: Fixture.cluster(), application: 1).isEmpty)
    }

    // MARK: Slots by name

    @Test func `A number is a shard of the generation in force`() throws {
        let slot = try SlotReference("3", application: nil, generation: nil)
        #expect(slot.slot(in: Fixture.cluster(generation: 7)) == Fixture.slot(3, generation: 7))
    }

    @Test func `A full name is taken as it is`() throws {
        let slot = try SlotReference("1100000000000000001.2.30", application: nil, generation: nil)
        #expect(slot.slot(in: Fixture.cluster()) == Fixture.slot(30, generation: 2))
    }

    @Test(arguments: ["", "-1", "x", "1.2", "1.2.3.4", "1..2", "１", "+1", "99999999999999999999", " 1"])
    func `Anything else is refused`(text: String) {
        let error = #expect(throws: ConsoleError.self) { try SlotReference(text, application: nil, generation: nil) }
        #expect(error?.code == .usage)
    }

    @Test func `A full name and options that say otherwise exclude each other`() {
        #expect(throws: ConsoleError.self) { try SlotReference("1.2.3", application: 9, generation: nil) }
        #expect(throws: ConsoleError.self) { try SlotReference("1.2.3", application: nil, generation: 1) }
    }

    @Test func `Where several applications are, a number alone names none`() throws {
        let one = Fixture.cluster()
        let two = ClusterView(
            leader: "", generatedAt: Fixture.start,
            applications: one.applications + [.init(id: 5, name: "b", generation: 1, numShards: 1)], members: [],
            slots: [], lanes: [])
        #expect(try SlotReference("0", application: nil, generation: nil).slot(in: two) == nil)
        #expect(
            try SlotReference("0", application: 5, generation: nil).slot(in: two)
                == Slot(application: 5, generation: 1, shard: 0))
        #expect(try SlotReference("0", application: 6, generation: nil).slot(in: two) == nil)
    }

    // MARK: Filters

    @Test func `A filter lets through what has all that it names`() {
        let slots = [
            Fixture.view(0, on: "a"), Fixture.view(1, on: "b", .failed), Fixture.view(2, on: nil, .released),
            Fixture.view(3, on: "a", .resuming, generation: 2),
        ]
        func shards(_ filter: SlotFilter) -> [Int] { slots.filter(filter.matches).map(\.shard) }
        #expect(shards(SlotFilter()) == [0, 1, 2, 3])
        #expect(shards(SlotFilter(member: "a")) == [0, 3])
        #expect(shards(SlotFilter(statuses: [.failed, .released])) == [1, 2])
        #expect(shards(SlotFilter(application: 1)) == [])
        #expect(shards(SlotFilter(generation: 2)) == [3])
        #expect(shards(SlotFilter(isNotReady: true)) == [1, 2, 3])
        #expect(shards(SlotFilter(member: "a", isNotReady: true)) == [3])
    }
}
