/// Where the server is, who we are there, and the limits of the pool.
package struct PostgresConfiguration: Sendable {
    /// libpq's connection options by name, such as `host` and `sslmode`; the password is not among them.
    package internal(set) var options: [String: String]
    var password: PostgresPassword?
    package var pool = PoolLimits()
    /// At most 15 characters are seen by the system.
    package var threadName = "postgres"
    /// For statements that name no timeout of their own.
    package var statementTimeout: Duration = .seconds(30)
    /// For each attempt to connect, the look-up of the host's name included.
    package var connectTimeout: Duration = .seconds(5)

    /// - Parameter url: `postgres://user:password@host:port/database?sslmode=…` or `postgresql://…`; any option that
    ///   libpq knows may follow the question mark. `host=/path` reaches a unix socket. `connect_timeout` is in seconds.
    /// - Throws: `.invalidConfiguration`, whose message never repeats the URL.
    package init(url: String) throws(PostgresError) {
        guard url.hasPrefix("postgres://") || url.hasPrefix("postgresql://") else {
            throw PostgresError(.invalidConfiguration, "a database URL starts with postgres:// or postgresql://")
        }
        var options = try LibpqHandle.parse(url: url)
        self.password = options.removeValue(forKey: "password").map { PostgresPassword(value: $0) }
        if let text = options.removeValue(forKey: "connect_timeout") {
            guard let seconds = Int(text), (1...3600).contains(seconds) else {
                throw PostgresError(.invalidConfiguration, "connect_timeout in a database URL is 1 to 3600 seconds")
            }
            self.connectTimeout = .seconds(seconds)
        }
        // What the codec relies on.
        options["client_encoding"] = "UTF8"
        // GSSAPI would look for tickets on the loop's thread.
        if options["gssencmode"] == nil { options["gssencmode"] = "disable" }
        if options["application_name"] == nil { options["application_name"] = "flotilla" }
        self.options = options
    }

    /// As a name that `application_name` in the URL wins over.
    package mutating func setDefaultApplicationName(_ name: String) {
        if self.options["application_name"] == "flotilla" { self.options["application_name"] = name }
    }

    package struct PoolLimits: Sendable, Equatable {
        /// Connections kept open while nobody asks. From 0.
        package var minimum = 1
        /// From 1.
        package var maximum = 10
        /// A connection above `minimum` that was unused for so long is closed.
        package var idleTime: Duration = .seconds(60)
        /// A connection is replaced after so long, give or take a tenth.
        package var maximumLifetime: Duration = .seconds(1800)
        /// An idle connection is asked for a sign of life after so long.
        package var healthCheckInterval: Duration = .seconds(30)
        /// How long a request may wait for a connection.
        package var waitTimeout: Duration = .seconds(5)
        /// Requests that may wait; the next one fails with `.poolExhausted`.
        package var waitLimit = 1000
        /// Statements on their way on one connection at once, from 1 (no pipelining).
        package var pipelineDepth = 16
        /// Nothing joins a pipeline whose connection has answered nothing for so long.
        package var pipelineStall: Duration = .milliseconds(20)
        /// Prepared statements kept for each connection, from 1.
        package var preparedStatements = 256
        /// Between failed attempts to connect: doubles from `first` to `most`, and a random part of it is waited.
        package var reconnectBackoff = Backoff(first: .milliseconds(50), most: .seconds(5))

        package init() {}
    }

    /// Each limit that is out of range, for a message at start.
    package var problems: [String] {
        var problems: [String] = []
        if self.pool.minimum < 0 { problems.append("the pool's minimum is negative") }
        if self.pool.maximum < 1 { problems.append("the pool's maximum is below 1") }
        if self.pool.minimum > self.pool.maximum { problems.append("the pool's minimum is above its maximum") }
        if self.pool.waitLimit < 1 { problems.append("the pool's wait limit is below 1") }
        if self.pool.pipelineDepth < 1 { problems.append("the pipeline depth is below 1") }
        if self.pool.preparedStatements < 1 { problems.append("the number of prepared statements is below 1") }
        for (name, duration) in [
            ("statement timeout", self.statementTimeout), ("connect timeout", self.connectTimeout),
            ("wait timeout", self.pool.waitTimeout), ("idle time", self.pool.idleTime),
            ("maximum lifetime", self.pool.maximumLifetime), ("health check interval", self.pool.healthCheckInterval),
        ] where duration <= .zero {
            problems.append("the \(name) is not positive")
        }
        return problems
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible {
    /// Without the password.
    package var description: String {
        let user = self.options["user"].map { "\($0)@" } ?? ""
        let port = self.options["port"].map { ":\($0)" } ?? ""
        return "postgres://\(user)\(self.options["host"] ?? "")\(port)/\(self.options["dbname"] ?? "")"
    }

    package var debugDescription: String { self.description }
}

/// Prints as `***`, also when it is dumped.
struct PostgresPassword: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let value: String

    var description: String { "***" }
    var debugDescription: String { "***" }
    var customMirror: Mirror { Mirror(self, children: []) }
}
