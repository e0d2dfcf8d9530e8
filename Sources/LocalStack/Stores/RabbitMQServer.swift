import Foundation

/// A RabbitMQ of our own: its port mapper, its distribution port and its AMQP listener on loopback only, none of
/// Debian's settings.
struct RabbitMQServer: Sendable {
    let directory: String
    let port: Int
    let distributionPort: Int
    let portMapperPort: Int

    init(directory: String, ports: inout StackPorts) throws(LocalStackError) {
        self.directory = directory
        self.port = try ports.choose("rabbitmq", usual: 5672)
        self.distributionPort = try ports.choose("rabbitmq-distribution", usual: 25672)
        self.portMapperPort = try ports.choose("epmd", usual: 4369)
    }

    init(directory: String, port: Int, distributionPort: Int, portMapperPort: Int) {
        self.directory = directory
        self.port = port
        self.distributionPort = distributionPort
        self.portMapperPort = portMapperPort
    }

    func url(user: String, password: String) -> String { "amqp://\(user):\(password)@127.0.0.1:\(self.port)/" }

    var configuration: String {
        """
        listeners.tcp.1 = 127.0.0.1:\(self.port)
        loopback_users = none
        load_definitions = \(self.directory)/definitions.json
        log.file = false
        log.console = true
        log.console.level = warning
        disk_free_limit.absolute = 50MB
        raft.wal_max_size_bytes = 67108864

        """
    }

    /// What each role may do. Shards only write to their own exchanges, so that one that was fenced stays out, and to
    /// nothing that leads to a lane; the topology is the coordinator's. To bind its queue a shard needs to write to the
    /// queue and to read the exchange; a worker declares its own reply queue and nothing else.
    func definitions(_ secrets: StackSecrets) throws -> String {
        struct Definitions: Encodable {
            struct User: Encodable {
                let name: String
                let password: String
                let tags: String
            }
            struct VirtualHost: Encodable { let name: String }
            struct Permission: Encodable {
                let user: String
                var vhost = "/"
                let configure: String
                let write: String
                let read: String
            }
            let users: [User]
            let vhosts: [VirtualHost]
            let permissions: [Permission]
        }
        let definitions = Definitions(
            users: [
                .init(name: "flotilla", password: secrets.amqpAdministrator, tags: "administrator"),
                .init(name: "shard", password: secrets.amqpShard, tags: ""),
                .init(name: "worker", password: secrets.amqpWorker, tags: ""),
            ],
            vhosts: [.init(name: "/")],
            permissions: [
                .init(user: "flotilla", configure: ".*", write: ".*", read: ".*"),
                .init(
                    user: "shard", configure: "^$", write: #"^(gw\.m\.|gw\.c\.|gw\.replies$)"#,
                    read: #"^(gw\.c\.|gw\.control$)"#),
                .init(
                    user: "worker", configure: #"^gw\.r\."#, write: #"^(gw\.dead$|gw\.control$|gw\.r\.)"#,
                    read: #"^(lane\.|commands$|parking$|gw\.tap$|gw\.r\.|gw\.replies$)"#),
            ])
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(definitions), as: UTF8.self)
    }

    var environment: [String: String] {
        [
            "HOME": "\(self.directory)/home",
            "LANG": "C.UTF-8",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": "\(self.portMapperPort)",
            "RABBITMQ_NODENAME": "flotilla@localhost",
            "RABBITMQ_DIST_PORT": "\(self.distributionPort)",
            "RABBITMQ_MNESIA_BASE": "\(self.directory)/data",
            "RABBITMQ_LOG_BASE": "\(self.directory)/log",
            "RABBITMQ_CONFIG_FILE": "\(self.directory)/rabbitmq.conf",
            "RABBITMQ_CONFIG_FILES": "\(self.directory)/conf.d",
            "RABBITMQ_ADVANCED_CONFIG_FILE": "\(self.directory)/advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": "\(self.directory)/enabled_plugins",
            "RABBITMQ_PID_FILE": "\(self.directory)/pid",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            // Makes the script replace itself by the Erlang machine, which then is the process that we signal.
            "RUNNING_UNDER_SYSTEMD": "true",
        ]
    }

    func prepare(_ secrets: StackSecrets) throws(LocalStackError) {
        for folder in ["home", "log", "conf.d", "data"] {
            try StackDirectory.make("\(self.directory)/\(folder)", mode: 0o700)
        }
        do {
            try StackDirectory.writePrivately(self.definitions(secrets), to: "\(self.directory)/definitions.json")
        } catch let error as LocalStackError {
            throw error
        } catch {
            throw LocalStackError(.files, "can't write RabbitMQ's definitions", underlying: error)
        }
        try StackDirectory.writePrivately(self.configuration, to: "\(self.directory)/rabbitmq.conf")
        try StackDirectory.writePrivately("[].\n", to: "\(self.directory)/advanced.config")
        try StackDirectory.writePrivately("[].\n", to: "\(self.directory)/enabled_plugins")
    }

    /// The port mapper has to be there first: otherwise Erlang starts one as a daemon.
    func portMapper(mark: MarkedProcesses) throws(LocalStackError) -> ChildSpecification {
        ChildSpecification(
            name: "epmd",
            title: "Erlang port mapper",
            executable: try InstalledPrograms.named("epmd", package: "rabbitmq-server"),
            arguments: ["-address", "127.0.0.1", "-port", "\(self.portMapperPort)"],
            environment: mark.adding(to: self.environment),
            readiness: .probe(.epmd(port: self.portMapperPort)),
            startLimit: .seconds(15),
            stopLimit: .milliseconds(500))
    }

    func specification(mark: MarkedProcesses) throws(LocalStackError) -> ChildSpecification {
        ChildSpecification(
            name: "rabbitmq",
            title: "RabbitMQ",
            executable: try InstalledPrograms.rabbitMQServer(),
            arguments: [],
            environment: mark.adding(to: self.environment),
            readiness: .probe(.amqp(port: self.port)),
            startLimit: .seconds(120),
            stopLimit: .seconds(4))
    }
}
