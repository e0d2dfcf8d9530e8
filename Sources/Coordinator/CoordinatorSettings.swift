import AMQP
import ClusterAPI
import CoordinatorCore
import Postgres
package import Runtime

/// Everything the coordinator can be told.
package struct CoordinatorSettings: Sendable {
    let host: String
    let port: Int
    let holder: String
    let memberToken: Secret
    let operatorToken: Secret
    let discordToken: Secret
    let discordAPIURL: String
    /// nil: what `GET /gateway/bot` says.
    let gatewayURL: String?
    /// 0: the count in force, at first what `GET /gateway/bot` recommends.
    let shards: Int
    let intents: UInt64
    let policy: ClusterPolicy
    let broker: AMQPConfiguration?
    let database: PostgresConfiguration?
    let operations: OperationsServer.Settings

    package init(_ reader: SettingsReader, processID: Int32) {
        self.host = reader.string(
            "http.host", default: "127.0.0.1", help: "Address that the coordinator's HTTP API listens on.")
        self.port = reader.int("http.port", default: 7400, in: 0...65535, help: "Port of the coordinator's HTTP API.")
        self.holder = reader.string(
            "member.id", default: MemberRegistration.defaultID("coordinator", processID: processID),
            help: "Name of this coordinator in the leader's lease.")
        self.memberToken = reader.requiredSecret("member.token", help: "Shards and workers show it to the coordinator.")
        self.operatorToken = reader.requiredSecret(
            "operator.token", help: "Operators and the API server show it to the coordinator.")
        self.discordToken = reader.requiredSecret("discord.token", aliases: ["DISCORD_TOKEN"], help: "The bot's token.")
        self.discordAPIURL = reader.string(
            "discord.api.url", default: "https://discord.com/api/v10", help: "Base of Discord's REST API.")
        self.gatewayURL = reader.optionalString(
            "discord.gateway.url", help: "Gateway to use instead of what Discord names.")
        self.shards = reader.int(
            "shards", default: 0, in: 0...100_000,
            help: "Shard count; 0 keeps the one in force, at first Discord's recommendation.")
        self.intents = UInt64(
            reader.int("intents", default: 38_401, in: 0...53_608_447, help: "Gateway intents, as Discord's bit mask."))
        var policy = ClusterPolicy()
        policy.lanes = reader.int(
            "lanes", default: 32, in: 1...1024, help: "Ordered partitions of events; fixed for the life of a cluster.")
        policy.lease = reader.duration(
            "lease", default: .seconds(6), in: .seconds(1)...(.seconds(120)),
            help: "How long a silent member keeps its lease.")
        self.policy = policy
        self.broker = reader.parsed(
            "amqp.url", default: nil, aliases: ["AMQP_URL"], secret: true,
            expected: "amqp://user:password@host:port/vhost",
            help: "RabbitMQ, as a user that may configure everything."
        ) { try AMQPConfiguration(url: $0) }
        self.database = reader.parsed(
            "database.url", default: nil, aliases: ["DATABASE_URL"], secret: true,
            expected: "postgres://user:password@host:port/database", help: "PostgreSQL."
        ) { try PostgresConfiguration(url: $0) }
        self.operations = OperationsServer.Settings(reader)
    }
}
