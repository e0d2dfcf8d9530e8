import AMQP
import Applications
import ClusterAPI
import CoordinatorCore
import Foundation
import Postgres
package import Runtime

/// Everything the coordinator can be told.
package struct CoordinatorSettings: Sendable {
    let host: String
    let port: Int
    let holder: String
    let memberToken: Secret
    let operators: [Operator]
    /// nil: what follows from `host` and the port.
    let advertised: String?
    let tokens: ApplicationTokens
    let discordAPIURL: String
    /// nil: what `GET /gateway/bot` says.
    let gatewayURL: String?
    /// 0: the count in force, at first what `GET /gateway/bot` recommends.
    let shards: PerApplication<Int>
    let intents: PerApplication<Int>
    var policy: ClusterPolicy
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
        let operatorToken = reader.requiredSecret(
            "operator.token", help: "Operators and the API server show it to the coordinator.")
        if !operatorToken.isEmpty, operatorToken.matches(self.memberToken) {
            reader.reportProblem(
                "operator.token", given: "***", expected: "another secret than FLOTILLA_MEMBER_TOKEN")
        }
        let file = reader.optionalString(
            "operators.file", help: "File with operators of their own names: lines \"name role token\".")
        var operators = [Operator(name: "operator", role: .operate, token: operatorToken)]
        if let file {
            do {
                operators += try OperatorsFile.read(file, taken: [self.memberToken, operatorToken])
            } catch {
                reader.reportProblem(
                    "operators.file", given: file, expected: "\(OperatorsFile.expected) (\(error.description))")
            }
        }
        self.operators = operators
        let advertised = reader.optionalString(
            "advertise.url", help: "Where members and operators reach this coordinator when it leads.")
        if let advertised, !Self.isBaseURL(advertised) {
            reader.reportProblem(
                "advertise.url", given: advertised.contains("@") ? "***" : advertised,
                expected: "http:// or https:// with a host, such as http://c0:7400")
        }
        self.advertised = advertised.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
        self.tokens = reader.applicationTokens()
        self.discordAPIURL = reader.string(
            "discord.api.url", default: "https://discord.com/api/v10", help: "Base of Discord's REST API.")
        self.gatewayURL = reader.optionalString(
            "discord.gateway.url", help: "Gateway to use instead of what Discord names.")
        self.shards = reader.perApplication(
            "shards", default: 0, in: 0...100_000, tokens: self.tokens,
            help: "Shard count; 0 keeps the one in force, at first Discord's recommendation.")
        self.intents = reader.perApplication(
            "intents", default: 38_401, in: 0...53_608_447, tokens: self.tokens,
            help: "Gateway intents, as Discord's bit mask.")
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

    private static func isBaseURL(_ text: String) -> Bool {
        guard let url = URLComponents(string: text), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false
        else { return false }
        // Whoever is sent on to it expects the path that was asked for.
        return ["", "/"].contains(url.path) && url.query == nil && url.fragment == nil && url.user == nil
            && url.password == nil
    }

    /// - Parameter port: the one that is listened on.
    func advertisedURL(port: Int) -> String {
        if let advertised = self.advertised { return advertised }
        let host = ["0.0.0.0", "::"].contains(self.host) ? ProcessInfo.processInfo.hostName : self.host
        return "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }
}
