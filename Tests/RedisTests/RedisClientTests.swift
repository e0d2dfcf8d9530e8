import NIOCore
import Synchronization
import TestSupport
import Testing

@testable import Redis

@Suite(.timeLimit(.minutes(1))) struct RedisClientTests {
    @Test func `Commands answer with every type`() async throws {
        try await withSharedServer("types") { client, prefix in
            let key = RedisArgument.string(prefix + "k")
            #expect(try await client.command("SET", key, "value") == .simpleString("OK"))
            #expect(try await client.command("GET", key).string == "value")
            #expect(try await client.command("GET", .string(prefix + "none")) == .null)
            #expect(try await client.command("INCRBY", .string(prefix + "n"), -7).integer == -7)
            let nested = try await client.command("EVAL", "return {1,{'a',{2,false,{}}},'b'}", 0)
            #expect(
                nested
                    == .array([
                        .integer(1),
                        .array([.bulkString(ByteBuffer(string: "a")), .array([.integer(2), .null, .array([])])]),
                        .bulkString(ByteBuffer(string: "b")),
                    ]))
            let error = try await redisError { try await client.command("LPUSH", key, "x") }
            #expect(error.code == .server(kind: "WRONGTYPE"))
            #expect(error.delivery == .answered)
            try await client.command("HSET", .string(prefix + "h"), "a", 1, "b", 2)
            let pairs = try #require(try await client.command("HGETALL", .string(prefix + "h")).pairs)
            #expect(pairs.map { $0.key.string } == ["a", "b"])
            #expect(pairs.map { $0.value.integer } == [1, 2])
        }
    }

    @Test func `Values are binary-safe and may be large`() async throws {
        try await withSharedServer("binary") { client, prefix in
            let allBytes = ByteBuffer(bytes: (0...255).map { UInt8($0) } + Array("\r\n$5\r\n".utf8))
            let key = RedisArgument.buffer(ByteBuffer(bytes: Array(prefix.utf8) + [0, 13, 10, 255]))
            try await client.command("SET", key, .buffer(allBytes))
            #expect(try await client.command("GET", key).buffer == allBytes)

            var generator = SeededGenerator(seed: 5)
            let large = ByteBuffer(
                bytes: (0..<(5 << 20) / 8).flatMap { _ in
                    withUnsafeBytes(of: generator.next()) { Array($0) }
                })
            let largeKey = RedisArgument.string(prefix + "large")
            try await client.command("SET", largeKey, .buffer(large), timeout: .seconds(20))
            #expect(try await client.command("GET", largeKey, timeout: .seconds(20)).buffer == large)
        }
    }

    @Test func `A pipeline returns every result, errors as values`() async throws {
        try await withSharedServer("pipeline") { client, prefix in
            let key = RedisArgument.string(prefix + "k")
            let results = await client.pipeline([
                ["SET", key, "x"], ["LPUSH", key, "y"], ["GET", key], ["NOSUCHCOMMAND"], ["STRLEN", key],
            ])
            #expect(results.count == 5)
            #expect(results[0] == .simpleString("OK"))
            #expect(results[1].error?.code == .server(kind: "WRONGTYPE"))
            #expect(results[2].string == "x")
            #expect(results[3].error?.serverKind == "ERR")
            #expect(results[4].integer == 1)
            #expect(results.firstError?.serverKind == "WRONGTYPE")
            #expect(await client.pipeline([]).isEmpty)
            let transaction = await client.pipeline([["MULTI"], ["SET", key, "z"], ["GET", key], ["EXEC"]])
            #expect(transaction.last?.array?.last?.string == "z")
        }
    }

    @Test func `Concurrent commands each get their own answer over one connection`() async throws {
        try await withSharedServer("concurrent") { client, prefix in
            try await client.waitUntilReady()
            let wrong = try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<2_000 {
                    group.addTask { try await client.command("ECHO", "\(index)").string != "\(index)" }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(wrong == 0)
            #expect(client.statistics.connectionsMade == 1)
            #expect(client.outstanding == (0, 0))
        }
    }

    @Test func `Results of the path without tasks come on the event loop, in order`() async throws {
        try await withSharedServer("send") { client, prefix in
            let key = RedisArgument.string(prefix + "list")
            let order = Mutex<[Int64]>([])
            let isOnLoop = Mutex(true)
            await withCheckedContinuation { continuation in
                for index in 1...100 {
                    var pipeline = RedisPipeline()
                    pipeline.append("RPUSH", key, RedisArgument(index))
                    pipeline.append("LLEN", key)
                    client.send(pipeline) { results in
                        if !client.eventLoop.inEventLoop { isOnLoop.withLock { $0 = false } }
                        order.withLock { $0.append(results.last?.integer ?? -1) }
                        if index == 100 { continuation.resume() }
                    }
                }
            }
            #expect(order.withLock { $0 } == Array(1...100))
            #expect(isOnLoop.withLock { $0 })
        }
    }

    @Test func `What is beyond the bounds is refused unsent`() async throws {
        var configuration = try RedisConfiguration(url: TestEnvironment.redisURL)
        configuration.limits.outstandingCommands = 10
        configuration.limits.outstandingBytes = 10_000
        try await withClient(configuration) { client in
            let many = await client.pipeline(Array(repeating: ["PING"], count: 11))
            #expect(many.count == 11)
            #expect(many.firstError?.code == .overloaded)
            #expect(many.firstError?.delivery == .notSent)
            let large = RedisArgument.string(String(repeating: "x", count: 20_000))
            let error = try await redisError { try await client.command("ECHO", large) }
            #expect(error.code == .overloaded)
            #expect(try await client.command("PING").string == "PONG")
            #expect(client.statistics.commandsRefused == 12)
        }
    }

    @Test func `After shutdown commands are refused`() async throws {
        let client = try RedisClient(configuration: RedisConfiguration(url: TestEnvironment.redisURL), logger: quiet)
        #expect(try await client.command("PING").string == "PONG")
        await client.shutdown()
        await client.shutdown()
        let error = try await redisError { try await client.command("PING") }
        #expect(error.code == .closed)
        #expect(error.delivery == .notSent)
    }
}

@Suite(.timeLimit(.minutes(1))) struct RedisScriptTests {
    @Test func `A script runs by its SHA-1, and is loaded again after SCRIPT FLUSH`() async throws {
        let server = try await RedisServer()
        let add = RedisScript("return redis.call('INCRBY', KEYS[1], ARGV[1])")
        var configuration = server.configuration
        configuration.scripts = [add]
        try await withClient(configuration) { client in
            #expect(try await client.run(add, keys: ["n"], arguments: [5]).integer == 5)
            #expect(client.statistics.scriptsReloaded == 0, "the greeting did not load it")
            try await client.command("SCRIPT", "FLUSH")
            #expect(try await client.run(add, keys: ["n"], arguments: [6]).integer == 11)
            #expect(try await client.run(add, keys: ["n"], arguments: [1]).integer == 12)
            #expect(client.statistics.scriptsReloaded == 1)

            try await client.command("SCRIPT", "FLUSH")
            var pipeline = RedisPipeline()
            pipeline.append("SET", "other", "x")
            for _ in 0..<3 { pipeline.append(add, keys: ["n"], arguments: [10]) }
            pipeline.append("GET", "other")
            let results = await client.pipeline(pipeline)
            #expect(results.map(\.string) == ["OK", "22", "32", "42", "x"])
            #expect(client.outstanding == (0, 0))
        }
    }

    @Test func `A script's own error is the server's`() async throws {
        try await withSharedServer("script-error") { client, prefix in
            let script = RedisScript("return redis.error_reply('STALE version')")
            let error = try await redisError { try await client.run(script, keys: [.string(prefix + "k")]) }
            #expect(error.serverKind == "STALE")
        }
    }
}
