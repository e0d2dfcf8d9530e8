import AMQP
import Applications
import ClusterAPI
import ClusterClient
import Redis
package import Runtime

/// Everything a worker can be told.
package struct WorkerSettings: Sendable {
    let member: MemberRegistration
    let coordinators: CoordinatorURLs
    let memberToken: Secret
    let tokens: ApplicationTokens
    let discordAPIURL: String
    let broker: AMQPConfiguration?
    let redis: RedisConfiguration?
    let prefetch: Int
    /// Requests a second of this process, for each application, for the guild cache; 0: none.
    let refetchRate: Int
    let operations: OperationsServer.Settings

    package init(_ reader: SettingsReader, processID: Int32, version: String) {
        let id = reader.string(
            "member.id", default: MemberRegistration.defaultID("worker", processID: processID),
            help: "Name of this worker; the same after a restart.")
        if !MemberRegistration.isValid(id: id) {
            reader.reportProblem(
                "member.id", given: id, expected: "1 to 64 letters, digits, dots, underscores or hyphens")
        }
        self.member = MemberRegistration(
            id: id, kind: .worker,
            capacity: reader.int(
                "capacity", default: 1000, in: 1...100_000, help: "The most lanes this worker reads as primary."),
            zone: reader.string("zone", default: "default", help: "Failure domain of this process."), version: version)
        self.coordinators = CoordinatorURLs(reader, default: "http://127.0.0.1:7400")
        self.memberToken = reader.requiredSecret("member.token", help: "Shown to the coordinator.")
        self.tokens = reader.applicationTokens()
        self.discordAPIURL = reader.string(
            "discord.api.url", default: "https://discord.com/api/v10", help: "Base of Discord's REST API.")
        self.broker = reader.parsed(
            "amqp.url", default: nil, aliases: ["AMQP_URL"], secret: true,
            expected: "amqp://user:password@host:port/vhost", help: "RabbitMQ."
        ) { try AMQPConfiguration(url: $0) }
        self.redis = reader.parsed(
            "redis.url", default: nil, aliases: ["REDIS_URL"], secret: true,
            expected: "redis://user:password@host:port/db", help: "Redis."
        ) { try RedisConfiguration(url: $0) }
        self.prefetch = reader.int(
            "prefetch", default: 16, in: 1...1000, help: "Messages of a queue that a worker holds at once.")
        self.refetchRate = reader.int(
            "cache.refetch-rate", default: 5, in: 0...40,
            help: "REST requests a second of this process and application for guilds whose cache is unsure; 0 for none."
        )
        self.operations = OperationsServer.Settings(reader)
    }
}
