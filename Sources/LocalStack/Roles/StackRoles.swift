/// The processes of Flotilla itself: what each is told by its environment, and the addresses where they listen.
struct StackRoles: Sendable {
    /// Which Discord the fleet talks to.
    enum Discord: Sendable {
        case sandbox
        /// What the caller's environment says of tokens, as the roles are told.
        case real(tokens: [String: String])
    }

    let addresses: RoleAddresses
    private let options: UpOptions
    private let stores: StoreAddresses
    private let secrets: StackSecrets
    private let discord: Discord
    private let sandboxData: String
    private let mark: MarkedProcesses
    private let operationsPorts: [String: Int]

    /// For people who only look at one process of the fleet, ports are the same from run to run where they are free.
    init(
        _ options: UpOptions, stores: StoreAddresses, secrets: StackSecrets, sandboxData: String, mark: MarkedProcesses,
        ports: inout StackPorts
    ) throws(LocalStackError) {
        self.options = options
        self.stores = stores
        self.secrets = secrets
        self.sandboxData = sandboxData
        self.mark = mark
        let tokens = options.environment.filter { Self.tokenVariables.contains($0.key) && !$0.value.isEmpty }
        self.discord =
            tokens.isEmpty
            ? .sandbox
            : .real(tokens: Dictionary(uniqueKeysWithValues: tokens.map { ("FLOTILLA_\($0.key)", $0.value) }))
        let api = try ports.choose("api", usual: 8080)
        var coordinators: [Int] = []
        for (index, name) in Self.coordinators(options).enumerated() {
            coordinators.append(try ports.choose(name, usual: 7400 + index))
        }
        var sandbox: RoleAddresses.Sandbox?
        if tokens.isEmpty {
            sandbox = RoleAddresses.Sandbox(
                httpPort: try ports.choose("sandbox", usual: 8000),
                gatewayPort: try ports.choose("sandbox-gateway", usual: 8001))
        }
        self.addresses = RoleAddresses(apiPort: api, coordinatorPorts: coordinators, sandbox: sandbox)
        var operationsPorts: [String: Int] = [:]
        for (index, name) in Self.names(options).enumerated() {
            operationsPorts[name] = try ports.choose("\(name)-operations", usual: 9100 + index)
        }
        self.operationsPorts = operationsPorts
    }

    private static let tokenVariables: Set<String> = ["DISCORD_TOKEN", "DISCORD_TOKENS"]

    private static func names(_ options: UpOptions) -> [String] {
        // What there is more of comes last: the others' usual ports stay the same.
        ["coordinator", "api"] + (0..<options.shards).map { "shard-\($0)" }
            + (0..<options.workers).map { "worker-\($0)" } + Self.coordinators(options).dropFirst()
    }

    private static func coordinators(_ options: UpOptions) -> [String] {
        (0..<options.coordinators).map { $0 == 0 ? "coordinator" : "coordinator-\($0)" }
    }

    /// In the order of dependence.
    func layers() -> [Supervisor.Layer] {
        var layers: [Supervisor.Layer] = [[self.migration]]
        if let sandbox = self.addresses.sandbox { layers.append([self.sandbox(sandbox)]) }
        layers.append((0..<self.options.coordinators).map(self.coordinator))
        layers.append((0..<self.options.shards).map(self.shard))
        layers.append((0..<self.options.workers).map(self.worker))
        layers.append([self.api])
        return layers
    }

    private var migration: ChildSpecification {
        self.specification(
            "migrate", title: "database migration", readiness: .task,
            settings: ["FLOTILLA_DATABASE_URL": self.stores.database])
    }

    private func sandbox(_ sandbox: RoleAddresses.Sandbox) -> ChildSpecification {
        let own = self.options.executable
        let beside = (own.split(separator: "/", omittingEmptySubsequences: false).dropLast() + ["flotilla-sandbox"])
            .joined(separator: "/")
        return ChildSpecification(
            name: "sandbox",
            title: "sandbox",
            executable: self.options.sandboxExecutable ?? beside,
            arguments: [],
            environment: self.environment([
                "FLOTILLA_SANDBOX_HTTP_PORT": "\(sandbox.httpPort)",
                "FLOTILLA_SANDBOX_GATEWAY_PORT": "\(sandbox.gatewayPort)",
                "FLOTILLA_SANDBOX_DATA": "\(self.sandboxData)/sandbox.sqlite",
                "FLOTILLA_SANDBOX_BOT_TOKEN": self.secrets.bot,
                // Enough for every shard process to have work, and for all of them to identify at once.
                "FLOTILLA_SANDBOX_SHARDS": "4",
                "FLOTILLA_SANDBOX_MAX_CONCURRENCY": "4",
            ]),
            readiness: .probe(.http(port: sandbox.httpPort)),
            startLimit: .seconds(30),
            stopLimit: .seconds(1))
    }

    private func coordinator(_ index: Int) -> ChildSpecification {
        self.specification(
            "coordinator", title: index == 0 ? "coordinator" : "coordinator \(index)", index: index == 0 ? nil : index,
            stopLimit: .milliseconds(1500),
            settings: self.discordSettings.merging([
                "FLOTILLA_DATABASE_URL": self.stores.database,
                "FLOTILLA_AMQP_URL": self.stores.amqpAdministrator,
                "FLOTILLA_HTTP_PORT": "\(self.addresses.coordinatorPorts[index])",
                "FLOTILLA_MEMBER_ID": "coordinator-\(index)",
                "FLOTILLA_MEMBER_TOKEN": self.secrets.member,
                "FLOTILLA_OPERATOR_TOKEN": self.secrets.operator,
            ]) { $1 })
    }

    private func shard(_ index: Int) -> ChildSpecification {
        self.member(
            "shard", index,
            settings: self.botTokens.merging([
                "FLOTILLA_AMQP_URL": self.stores.amqpShard,
                "FLOTILLA_REDIS_URL": self.stores.redis,
            ]) { $1 })
    }

    private func worker(_ index: Int) -> ChildSpecification {
        self.member(
            "worker", index,
            settings: self.discordSettings.merging([
                "FLOTILLA_AMQP_URL": self.stores.amqpWorker,
                "FLOTILLA_REDIS_URL": self.stores.redis,
            ]) { $1 })
    }

    private func member(_ role: String, _ index: Int, settings: [String: String]) -> ChildSpecification {
        self.specification(
            role, title: "\(role) \(index)", index: index, stopLimit: .milliseconds(2500),
            settings: settings.merging([
                "FLOTILLA_COORDINATOR_URL": self.addresses.coordinatorURLs,
                "FLOTILLA_MEMBER_TOKEN": self.secrets.member,
                "FLOTILLA_MEMBER_ID": "\(role)-\(index)",
                "FLOTILLA_ZONE": "local",
            ]) { $1 })
    }

    private var api: ChildSpecification {
        self.specification(
            "api", title: "API server", stopLimit: .seconds(1),
            settings: [
                "FLOTILLA_DATABASE_URL": self.stores.database,
                "FLOTILLA_REDIS_URL": self.stores.redis,
                "FLOTILLA_COORDINATOR_URL": self.addresses.coordinatorURLs,
                "FLOTILLA_OPERATOR_TOKEN": self.secrets.operator,
                "FLOTILLA_HTTP_PORT": "\(self.addresses.apiPort)",
            ])
    }

    private var botTokens: [String: String] {
        switch self.discord {
        case .sandbox: ["FLOTILLA_DISCORD_TOKEN": self.secrets.bot]
        case .real(let tokens): tokens
        }
    }

    private var discordSettings: [String: String] {
        self.botTokens.merging(
            ["FLOTILLA_DISCORD_API_URL": self.addresses.sandbox?.apiURL ?? "https://discord.com/api/v10"]
        ) { $1 }
    }

    private func specification(
        _ role: String, title: String, index: Int? = nil, readiness: ChildSpecification.Readiness? = nil,
        stopLimit: Duration = .seconds(1), settings: [String: String]
    ) -> ChildSpecification {
        let name = index.map { "\(role)-\($0)" } ?? role
        var settings = settings
        var readiness = readiness ?? .task
        if let port = self.operationsPorts[name] {
            settings["FLOTILLA_OPERATIONS_PORT"] = "\(port)"
            readiness = .probe(.http(port: port))
        }
        return ChildSpecification(
            name: name,
            title: title,
            executable: self.options.executable,
            arguments: [role],
            environment: self.environment(settings),
            readiness: readiness,
            startLimit: .seconds(60),
            stopLimit: stopLimit)
    }

    /// The caller's environment, for `FLOTILLA_LOG_LEVEL` and the like, without what only one role may know.
    private func environment(_ settings: [String: String]) -> [String: String] {
        var environment = self.options.environment
        for variable in Self.tokenVariables { environment[variable] = nil }
        environment["FLOTILLA_LOG_FORMAT"] = "json"
        return self.mark.adding(to: environment.merging(settings) { $1 })
    }
}
