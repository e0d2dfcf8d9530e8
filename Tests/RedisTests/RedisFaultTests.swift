import Foundation
import NIOCore
import TestSupport
import Testing

@testable import Redis

@Suite(.timeLimit(.minutes(1))) struct RedisFaultTests {
    @Test func `After a timeout late replies are not taken for those of the next command`() async throws {
        let server = try await RedisServer()
        try await withClient(server.configuration) { client in
            try await client.waitUntilReady()
            server.signal(SIGSTOP)
            let error = try await redisError { try await client.command("ECHO", "late", timeout: .milliseconds(100)) }
            #expect(error.code == .timedOut)
            #expect(error.delivery == .mayHaveExecuted)
            #expect(client.outstanding.commands == 1, "its place is kept")
            server.signal(SIGCONT)
            #expect(try await client.command("ECHO", "next", timeout: .seconds(5)).string == "next")
            #expect(client.outstanding == (0, 0))
            #expect(client.statistics.connectionsMade == 1)
        }
    }

    @Test func `A frozen server is cut after the silence limit and used again`() async throws {
        let server = try await RedisServer()
        var configuration = server.configuration
        configuration.silenceLimit = .seconds(2)
        configuration.connectTimeout = .milliseconds(500)
        try await withClient(configuration) { client in
            try await client.waitUntilReady()
            server.signal(SIGSTOP)
            let cut = try await redisError { try await client.command("PING", timeout: .seconds(20)) }
            #expect(cut.code == .connectionLost)
            #expect(cut.delivery == .mayHaveExecuted)
            server.signal(SIGCONT)
            try await client.waitUntilReady()
            #expect(try await client.command("ECHO", "back").string == "back")
            #expect(client.outstanding == (0, 0))
        }
    }

    @Test func `It reconnects after a restart; meanwhile commands fail at once, unsent`() async throws {
        let server = try await RedisServer()
        try await withClient(server.configuration) { client in
            try await client.command("SET", "k", "v")
            try await server.stop()
            try await eventually("the server known to be unreachable") {
                let error = try await redisError { try await client.command("PING") }
                return error.code == .connectionLost && error.delivery == .notSent
            }
            let clock = ContinuousClock()
            let began = clock.now
            _ = try await redisError { try await client.command("PING", timeout: .seconds(30)) }
            #expect(clock.now - began < .seconds(5))
            try await server.startAgain()
            try await client.waitUntilReady()
            #expect(try await client.command("GET", "k") == .null)
            #expect(client.statistics.connectionsMade == 2)
        }
    }

    @Test func `A connection killed under load answers every command once, and says which may have run`() async throws {
        let server = try await RedisServer()
        try await withClient(server.configuration) { client in
            try await withClient(server.configuration) { killer in
                try await client.waitUntilReady()
                let identifier = try #require(try await client.command("CLIENT", "ID").integer)
                let outcomes = try await withThrowingTaskGroup(of: RedisError?.self) { group in
                    for index in 0..<3_000 {
                        group.addTask {
                            if index == 500 { try await killer.command("CLIENT", "KILL", "ID", .integer(identifier)) }
                            do {
                                try await client.command("INCR", "n")
                                return nil
                            } catch let error as RedisError {
                                return error
                            }
                        }
                    }
                    return try await group.reduce(into: [RedisError?]()) { $0.append($1) }
                }
                let answered = outcomes.filter { $0 == nil }.count
                let unknown = outcomes.filter { $0?.delivery == .mayHaveExecuted }.count
                #expect(outcomes.allSatisfy { $0 == nil || $0?.code == .connectionLost })
                let counted = try #require(try await killer.command("GET", "n").integer)
                #expect(counted >= Int64(answered))
                #expect(counted <= Int64(answered + unknown))
                #expect(client.outstanding == (0, 0))
            }
        }
    }

    @Test func `Nothing listens: the first command waits for one attempt and fails unsent`() async throws {
        let configuration = RedisConfiguration(endpoints: [.init(host: "127.0.0.1", port: try quietPort())])
        try await withClient(configuration) { client in
            let error = try await redisError { try await client.command("PING") }
            #expect(error.code == .connectionLost)
            #expect(error.delivery == .notSent)
            let patience = try await redisError { try await client.waitUntilReady(within: .milliseconds(300)) }
            #expect(patience.code == .timedOut)
            #expect(patience.delivery == .notSent)
        }
    }
}

@Suite(.timeLimit(.minutes(1))) struct RedisAccessTests {
    @Test func `An ACL user, a database and a client name are used`() async throws {
        let server = try await RedisServer(["--user", "app", "on", ">se:cr/et", "~*", "+@all"])
        var configuration = try RedisConfiguration(url: "redis://app:se%3Acr%2Fet@127.0.0.1:\(server.port)/5")
        configuration.clientName = "flotilla-test"
        try await withClient(configuration) { client in
            #expect(try await client.command("ACL", "WHOAMI").string == "app")
            #expect(try await client.command("CLIENT", "GETNAME").string == "flotilla-test")
            let info = try #require(try await client.command("CLIENT", "INFO").string)
            #expect(info.contains(" db=5 "))
        }
    }

    @Test func `A wrong or missing password is an error of its own`() async throws {
        let server = try await RedisServer(["--requirepass", "right", "--user", "app", "on", ">secret", "~*", "+@all"])
        for user in ["app:wrong@", "nobody:x@", ":wrong@", ""] {
            try await withClient(RedisConfiguration(url: "redis://\(user)127.0.0.1:\(server.port)")) { client in
                let error = try await redisError { try await client.command("PING") }
                #expect(error.code == .authenticationFailed)
                #expect(error.delivery == .notSent)
                #expect(!"\(error)".contains("wrong"))
            }
        }
        try await withClient(RedisConfiguration(url: "redis://:right@127.0.0.1:\(server.port)")) { client in
            let reply = try await client.command("PING")
            #expect(reply.string == "PONG")
        }
    }

    @Test func `A database that does not exist fails the connection`() async throws {
        let server = try await RedisServer()
        try await withClient(RedisConfiguration(url: "redis://127.0.0.1:\(server.port)/99")) { client in
            let error = try await redisError { try await client.command("PING") }
            #expect(error.serverKind == "ERR")
            #expect(error.delivery == .notSent)
        }
    }

    @Test func `TLS verifies the server`() async throws {
        let certificates = try await TestCertificates()
        let port = try quietPort()
        let server = try await RedisServer(
            [
                "--bind", "127.0.0.1", "127.0.0.2", "--tls-port", "\(port)", "--tls-cert-file",
                certificates.certificate, "--tls-key-file", certificates.key,
                "--tls-ca-cert-file", certificates.authority, "--tls-auth-clients", "no",
            ],
            waitFor: port
        )
        withExtendedLifetime(server) {}
        for host in ["localhost", "127.0.0.1"] {
            var configuration = try RedisConfiguration(url: "rediss://\(host):\(port)")
            configuration.tls?.certificateAuthorityFile = certificates.authority
            try await withClient(configuration) { client in
                let value = RedisArgument.string(String(repeating: "x", count: 200_000))
                try await client.command("SET", "k", value)
                #expect(try await client.command("STRLEN", "k").integer == 200_000)
            }
        }
        // Signed by an authority that nobody here trusts.
        try await withClient(RedisConfiguration(url: "rediss://localhost:\(port)")) { client in
            let error = await #expect(throws: RedisError.self) { try await client.command("PING") }
            #expect(error?.code == .tlsFailed)
            #expect(error?.delivery == .notSent)
        }
        // Trusted, but made for 127.0.0.1 and localhost.
        for name in [nil, "other.example"] {
            var other = try RedisConfiguration(url: "rediss://127.0.0.2:\(port)")
            other.tls = .init(certificateAuthorityFile: certificates.authority, serverName: name)
            try await withClient(other) { client in
                let error = await #expect(throws: RedisError.self) { try await client.command("PING") }
                #expect(error?.code == .tlsFailed)
            }
        }
        var missing = try RedisConfiguration(url: "rediss://localhost:\(port)")
        missing.tls?.certificateAuthorityFile = "/nowhere/ca.pem"
        let error = #expect(throws: RedisError.self) { try RedisClient(configuration: missing, logger: quiet) }
        #expect(error?.code == .tlsFailed)
        try await server.stop()
    }
}
