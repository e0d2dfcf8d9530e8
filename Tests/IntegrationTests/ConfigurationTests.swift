import Foundation
import TestSupport
import Testing

@Suite("Configuration of the programs", .timeLimit(.minutes(1)))
struct ConfigurationTests {
    private static let secret = "hunter2hunter2"
    /// Wrong in every role, each in its way.
    private static let wrong = [
        "FLOTILLA_OPERATIONS_PORT": "99999", "FLOTILLA_LOG_LEVEL": "loud",
        "FLOTILLA_AMQP_URL": "http://flotilla:\(secret)@127.0.0.1",
        "FLOTILLA_DATABASE_URL": "mysql://flotilla:\(secret)@127.0.0.1",
        "FLOTILLA_REDIS_URL": "\(secret)", "FLOTILLA_HTTP_PORT": "seven", "FLOTILLA_MEMBER_ID": "a b",
    ]

    @Test(arguments: [
        (
            "coordinator",
            [
                "FLOTILLA_OPERATIONS_PORT", "FLOTILLA_LOG_LEVEL", "FLOTILLA_AMQP_URL", "FLOTILLA_DATABASE_URL",
                "FLOTILLA_HTTP_PORT", "FLOTILLA_MEMBER_TOKEN",
            ]
        ),
        (
            "shard",
            [
                "FLOTILLA_OPERATIONS_PORT", "FLOTILLA_LOG_LEVEL", "FLOTILLA_AMQP_URL", "FLOTILLA_MEMBER_ID",
                "FLOTILLA_COORDINATOR_URL", "FLOTILLA_DISCORD_TOKEN",
            ]
        ),
        (
            "worker",
            [
                "FLOTILLA_OPERATIONS_PORT", "FLOTILLA_LOG_LEVEL", "FLOTILLA_AMQP_URL", "FLOTILLA_REDIS_URL",
                "FLOTILLA_MEMBER_ID", "FLOTILLA_DISCORD_TOKEN",
            ]
        ),
        (
            "api",
            [
                "FLOTILLA_OPERATIONS_PORT", "FLOTILLA_LOG_LEVEL", "FLOTILLA_DATABASE_URL", "FLOTILLA_REDIS_URL",
                "FLOTILLA_HTTP_PORT", "FLOTILLA_OPERATOR_TOKEN",
            ]
        ),
        ("migrate", ["FLOTILLA_LOG_LEVEL", "FLOTILLA_DATABASE_URL"]),
    ])
    func `Every wrong setting is named at once, and no secret is shown`(role: String, named: [String]) async throws {
        let program = try Programs.start(role, Self.wrong)
        #expect(try await program.exitStatus(within: .seconds(30)) == 78)
        let lines = program.output.split(separator: "\n")
        for variable in named {
            #expect(
                lines.count { $0.contains("\(variable):") && $0.contains("expected") } == 1,
                "\(variable) in\n\(program.output)")
        }
        #expect(!program.output.contains(Self.secret), "\(program.output)")
    }

    @Test func `The sandbox names its wrong settings`() async throws {
        let program = try ChildProcess(
            try Programs.sandbox, [],
            environment: [
                "FLOTILLA_SANDBOX_HTTP_PORT": "-1", "FLOTILLA_SANDBOX_GATEWAY_URL": "http://gateway",
                "FLOTILLA_SANDBOX_RATE_LIMITS": "maybe",
            ])
        #expect(try await program.exitStatus(within: .seconds(30)) == 78)
        for name in ["HTTP_PORT", "GATEWAY_URL", "RATE_LIMITS"] {
            #expect(program.output.contains("FLOTILLA_SANDBOX_\(name):"), "\(program.output)")
        }
    }

    @Test func `A configuration file that can't be read is named`() async throws {
        let directory = try TemporaryDirectory("configuration")
        for text in [nil, "{\"http\": ", "[]"] {
            let path = directory.path("flotilla.json")
            if let text { _ = try directory.write(text, to: "flotilla.json") }
            let program = try Programs.start("api", ["FLOTILLA_CONFIG": path])
            #expect(try await program.exitStatus(within: .seconds(30)) == 78)
            #expect(program.output.contains("FLOTILLA_CONFIG") && program.output.contains(path), "\(program.output)")
        }
    }

    @Test(arguments: ["FLOTILLA_HTTP_PORT", "FLOTILLA_OPERATIONS_PORT"])
    func `An API server whose port is taken ends and names the port`(variable: String) async throws {
        let holder = try PortHolder(port: try quietPort())
        defer { holder.release() }
        let settings = [
            "FLOTILLA_HTTP_PORT": "0", "FLOTILLA_OPERATOR_TOKEN": "operator",
            "FLOTILLA_REDIS_URL": try TestEnvironment.redisURL,
            "FLOTILLA_DATABASE_URL": try TestEnvironment.databaseURL,
        ]
        let program = try Programs.start("api", settings.merging([variable: "\(holder.port)"]) { $1 })
        #expect(try await program.exitStatus(within: .seconds(20)) == 69, "\(program.output)")
        #expect(
            program.output.contains("127.0.0.1:\(holder.port)") && program.output.contains("taken"), "\(program.output)"
        )
    }

    @Test(arguments: ["FLOTILLA_SANDBOX_HTTP_PORT", "FLOTILLA_SANDBOX_GATEWAY_PORT"])
    func `A sandbox whose port is taken ends and names the port`(variable: String) async throws {
        let holder = try PortHolder(port: try quietPort())
        defer { holder.release() }
        let program = try ChildProcess(
            try Programs.sandbox, [],
            environment: [
                "FLOTILLA_SANDBOX_HTTP_PORT": "0", "FLOTILLA_SANDBOX_GATEWAY_PORT": "0",
            ].merging([variable: "\(holder.port)"]) { $1 })
        #expect(try await program.exitStatus(within: .seconds(20)) == 69, "\(program.output)")
        #expect(program.output.contains("\(holder.port)"), "\(program.output)")
    }
}
