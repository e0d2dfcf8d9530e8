import AMQP
import ClusterAPI
import Discord
import Foundation
import Testing

@testable import Worker

@Suite("The shards of an application")
struct ShardSetTests {
    @Test func `A guild's slot is found from an event's headers`() throws {
        let headers: AMQPTable = [
            "application": "10", "generation": 3, "num_shards": .int32(16), "shard": 1, "session": "x",
        ]
        let set = try #require(ShardSet(headers: headers))
        let guild: Snowflake = 81_384_788_765_712_384
        #expect(
            set.slot(ofGuild: guild) == Slot(application: 10, generation: 3, shard: Int((guild.rawValue >> 22) % 16)))
        #expect(set.slots.map(\.shard) == Array(0..<16))
    }

    @Test(
        arguments: [
            [:], ["application": "x", "generation": 1, "num_shards": 1], ["application": "10", "num_shards": 1],
            ["application": "10", "generation": 1, "num_shards": 0],
            ["application": "10", "generation": 1, "num_shards": "4"],
        ] as [AMQPTable])
    func `Headers that don't tell are refused`(headers: AMQPTable) { #expect(ShardSet(headers: headers) == nil) }

    @Test func `The coordinator's view tells the generation in force`() throws {
        let view = ClusterView(
            leader: "c", generatedAt: Date(timeIntervalSince1970: 0),
            applications: [.init(id: 10, name: "a", generation: 2, numShards: 4)], members: [], slots: [], lanes: [])
        #expect(ShardSet(of: 10, in: view) == ShardSet(application: 10, generation: 2, numShards: 4))
        #expect(ShardSet(of: 11, in: view) == nil)
    }
}
