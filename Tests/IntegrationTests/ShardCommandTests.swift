import AMQP
import ClusterAPI
import ControlAPI
import Discord
import Logging
import NIOPosix
import TestSupport
import Testing
import Worker

@testable import LocalStack
@testable import Sandbox

extension WholeFleets.RunningTests {
    @Test func `A worker's commands reach a guild's shard, and members come back`() async throws {
        let fleet = try Fleet.running
        let view = try await fleet.settled()
        let alice = try await Person("alice", at: try fleet.url("sandbox"))
        let (_, harbor) = try await alice.channel("general", of: "Harbor")
        let guild = try #require(Snowflake(harbor))
        let application = try #require(view.applications.first?.id)
        let shards = try #require(ShardSet(of: application, in: view))

        // With a worker's rights on the broker, as the fleet's own workers have them.
        let rabbitMQ = RabbitMQServer(
            directory: "", port: try fleet.port("rabbitmq"), distributionPort: 0, portMapperPort: 0)
        let control = ShardControl(
            configuration: try AMQPConfiguration(
                url: rabbitMQ.url(user: "worker", password: fleet.secrets.amqpWorker)),
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "control", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await control.run() }
            try await eventually("a connection to the broker") { control.isConnected }
            struct Chunk: Decodable {
                struct Member: Decodable {
                    struct User: Decodable { let username: String }
                    let user: User
                }
                let members: [Member]
            }
            let chunks = try await control.members(
                .named("ali", in: guild, limit: 10), from: shards.slot(ofGuild: guild), within: .seconds(20))
            let names = try chunks.flatMap { try $0.decode(Chunk.self).members.map(\.user.username) }
            #expect(names.contains("alice"), "\(names)")
            for slot in shards.slots { try await control.perform(.presence(PresenceUpdate(status: .idle)), on: slot) }

            // A guild is asked for where it is, and nowhere else.
            let elsewhere = try #require(shards.slots.first { $0 != shards.slot(ofGuild: guild) })
            let failure = try await #require(throws: ShardControl.Failure.self) {
                try await control.perform(
                    .voiceState(VoiceStateUpdate(guildID: guild, channelID: nil)), on: elsewhere)
            }
            #expect(failure.code == .refused && failure.problem?.code == .badRequest)
            group.cancelAll()
        }
    }
}
