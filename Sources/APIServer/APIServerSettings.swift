import ClusterAPI
import ClusterClient
import Postgres
import Redis
package import Runtime

/// Everything the API server can be told.
package struct APIServerSettings: Sendable {
    let host: String
    let port: Int
    let coordinators: CoordinatorURLs
    let operatorToken: Secret
    let database: PostgresConfiguration?
    let redis: RedisConfiguration?
    /// The folder with the dashboard's pages.
    let dashboard: String
    let operations: OperationsServer.Settings

    package init(_ reader: SettingsReader) {
        self.host = reader.string(
            "http.host", default: "127.0.0.1", help: "Address that the API and the dashboard are served on.")
        self.port = reader.int("http.port", default: 7500, in: 0...65535, help: "Port of the API and the dashboard.")
        self.coordinators = CoordinatorURLs(reader, default: "http://127.0.0.1:7400")
        self.operatorToken = reader.requiredSecret("operator.token", help: "Shown to the coordinator.")
        self.database = reader.parsed(
            "database.url", default: nil, aliases: ["DATABASE_URL"], secret: true,
            expected: "postgres://user:password@host:port/database", help: "PostgreSQL."
        ) { try PostgresConfiguration(url: $0) }
        self.redis = reader.parsed(
            "redis.url", default: nil, aliases: ["REDIS_URL"], secret: true,
            expected: "redis://user:password@host:port/db", help: "Redis."
        ) { try RedisConfiguration(url: $0) }
        self.dashboard = reader.string(
            "dashboard.directory", default: "dashboard", help: "Folder with the dashboard's pages.")
        self.operations = OperationsServer.Settings(reader)
    }
}
