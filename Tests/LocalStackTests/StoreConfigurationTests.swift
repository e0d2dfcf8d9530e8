import Foundation
import TestSupport
import Testing

@testable import LocalStack

@Suite("What the private stores are told")
struct StoreConfigurationTests {
    private var secrets: StackSecrets {
        var generator = SeededGenerator(seed: 7)
        return StackSecrets(using: &generator)
    }

    @Test func `RabbitMQ listens on loopback and reads none of the system's settings`() {
        let server = RabbitMQServer(directory: "/d", port: 5001, distributionPort: 5002, portMapperPort: 5003)
        let lines = server.configuration.split(separator: "\n")
        #expect(lines.contains("listeners.tcp.1 = 127.0.0.1:5001"))
        #expect(lines.contains("load_definitions = /d/definitions.json"))
        #expect(lines.contains("raft.wal_max_size_bytes = 67108864"))
        let environment = server.environment
        #expect(environment["RABBITMQ_CONF_ENV_FILE"] == "/dev/null")
        #expect(environment["ERL_EPMD_ADDRESS"] == "127.0.0.1")
        #expect(environment["ERL_EPMD_PORT"] == "5003")
        #expect(environment["RABBITMQ_DIST_PORT"] == "5002")
        #expect(
            environment["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]?.contains("inet_dist_use_interface {127,0,0,1}") == true)
        let own = ["HOME", "RABBITMQ_MNESIA_BASE", "RABBITMQ_LOG_BASE", "RABBITMQ_CONFIG_FILES"]
        #expect(own.allSatisfy { environment[$0]?.hasPrefix("/d/") == true })
    }

    @Test func `Only the administrator declares, and a shard only writes to exchanges of shards`() throws {
        let server = RabbitMQServer(directory: "/d", port: 5001, distributionPort: 5002, portMapperPort: 5003)
        let json = try JSONSerialization.jsonObject(with: Data(server.definitions(self.secrets).utf8))
        let definitions = try #require(json as? [String: [[String: String]]])
        let permissions = try #require(definitions["permissions"])
        func may(_ user: String, _ action: String, _ name: String) throws -> Bool {
            let permission = try #require(permissions.first { $0["user"] == user })
            return name.range(of: try #require(permission[action]), options: .regularExpression) != nil
        }
        for action in ["configure", "write", "read"] {
            #expect(try may("flotilla", action, "lane.0"))
        }
        #expect(try may("shard", "write", "gw.m.shard-0.4"))
        for name in ["gw.events", "amq.default", "lane.0", "commands", "xgw.m.shard-0.4", ""] {
            #expect(try !may("shard", "write", name))
            #expect(try !may("shard", "configure", name) || name.isEmpty)
        }
        #expect(try !may("shard", "read", "lane.0") && !may("shard", "read", "gw.replies"))
        #expect(try may("shard", "read", "gw.c.shard-0.4") && may("shard", "write", "gw.c.shard-0.4"))
        #expect(try may("shard", "read", "gw.control") && !may("shard", "write", "gw.control"))
        #expect(try may("worker", "configure", "gw.r.x") && may("worker", "write", "gw.control"))
        #expect(try !may("worker", "write", "gw.replies") && !may("worker", "configure", "gw.c.shard-0.4"))
        #expect(try may("worker", "read", "lane.31"))
        #expect(try may("worker", "read", "commands"))
        #expect(try !may("worker", "configure", "lane.0"))
        #expect(try !may("worker", "write", "gw.m.shard-0.4"))
        let users = try #require(definitions["users"])
        #expect(Set(users.compactMap { $0["password"] }).count == 3)
    }

    @Test func `Redis listens on loopback behind a password`() {
        let lines = RedisServer(directory: "/d", port: 5001).configuration(password: "word").split(separator: "\n")
        #expect(lines.contains("bind 127.0.0.1"))
        #expect(lines.contains("port 5001"))
        #expect(lines.contains("requirepass word"))
    }

    @Test func `PostgreSQL listens on loopback and has no Unix socket`() throws {
        let settings = try PostgresServer(directory: "/d", port: 5001).settings
        #expect(settings.contains("listen_addresses=127.0.0.1"))
        #expect(settings.contains("port=5001"))
        #expect(settings.contains("unix_socket_directories="))
    }

    @Test func `Passwords are made once, for their owner's eyes only`() throws {
        let directory = try TemporaryDirectory("secrets")
        let stack = try StackDirectory(creating: directory.path)
        let first = try StackSecrets.load(in: stack)
        let second = try StackSecrets.load(in: stack)
        #expect(first.database == second.database && first.bot == second.bot)
        let mode = try FileManager.default.attributesOfItem(atPath: directory.path("secrets"))[.posixPermissions]
        #expect((mode as? NSNumber)?.intValue == 0o600)
        #expect("\(first)" == "***")
    }

    @Test func `A damaged file of passwords is named, not quoted`() throws {
        let directory = try TemporaryDirectory("secrets")
        _ = try directory.write("{\"redis\": \"hunter2\"", to: "secrets")
        let stack = try StackDirectory(creating: directory.path)
        let error = try #require(throws: LocalStackError.self) { try StackSecrets.load(in: stack) }
        #expect(error.code == .files)
        #expect("\(error)".contains("secrets") && !"\(error)".contains("hunter2"))
    }

    @Test func `The bot's token begins with its id, as Discord's do`() throws {
        let first = try #require(self.secrets.bot.split(separator: ".").first)
        let padded = String(first).padding(toLength: (first.count + 3) / 4 * 4, withPad: "=", startingAt: 0)
        #expect(Data(base64Encoded: padded) == Data(StackSecrets.botID.utf8))
    }

    @Test func `One stack at a time uses a directory`() throws {
        let directory = try TemporaryDirectory("lock")
        let stack = try StackDirectory(creating: directory.path)
        do {
            let lock = try StackLock(stack)
            let error = try #require(throws: LocalStackError.self) { try StackLock(stack) }
            #expect(error.code == .alreadyRunning)
            #expect(error.message.contains("process \(getpid())"))
            withExtendedLifetime(lock) {}
        }
        _ = try StackLock(stack)
    }
}
