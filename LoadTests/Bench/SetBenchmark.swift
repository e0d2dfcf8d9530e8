import Foundation
import Logging
import NIOCore
import NIOPosix
import Redis

/// Guards the path of the guild cache: that one connection of our Redis client, which encodes each command anew and
/// matches each reply, keeps up with the 50 connections of redis-benchmark, which sends one prepared buffer. Both have
/// 50 pipelines of 64 SETs under way.
struct SetBenchmark {
    private static let pipelines = 50
    private static let depth = 64
    private static let valueSize = 100
    private static let keyCount = 10_000

    let url: String

    func run(_ rounds: Rounds) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let configuration = try RedisConfiguration(url: self.url)
        let client = try RedisClient(configuration: configuration, group: group, logger: Logger(label: "bench.redis"))
        try await client.waitUntilReady()
        // redis-benchmark counts commands, not seconds.
        var limitRate = 300_000.0
        let samples = try await rounds.compare { length in
            try await Self.ours(client, for: length)
        } limit: { length in
            limitRate = try await Self.limit(configuration, commands: Int(limitRate * length.inSeconds))
            return limitRate
        }
        try await Self.deleteKeys(client)
        await client.shutdown()
        try await group.shutdownGracefully()
        Measurement(
            scenario: "redis-set", metric: "pipelined SET", unit: "commands/s", ours: samples.ours,
            limit: samples.limit, goal: .atLeast(0.8)
        ).report()
    }

    private static func ours(_ client: RedisClient, for length: Duration) async throws -> Double {
        let finished = client.eventLoop.makePromise(of: Int.self)
        let load = PipelinedSets(
            client, keys: self.keys, valueSize: Self.valueSize, depth: Self.depth,
            until: .now() + TimeAmount(length), finished: finished)
        let start = ContinuousClock.now
        client.eventLoop.execute { load.start(pipelines: Self.pipelines) }
        let count = try await finished.futureResult.get()
        return Double(count) / (ContinuousClock.now - start).inSeconds
    }

    /// Those of redis-benchmark.
    private static var keys: [RedisArgument] {
        (0..<self.keyCount).map { .string("key:" + String(format: "%012d", $0)) }
    }

    private static func deleteKeys(_ client: RedisClient) async throws {
        _ = try await client.command(RedisCommand(["UNLINK"] + self.keys))
    }

    private static func limit(_ configuration: RedisConfiguration, commands: Int) async throws -> Double {
        try await self.limit(
            configuration, connections: self.pipelines, depth: self.depth, commands: commands,
            valueSize: self.valueSize, keyCount: self.keyCount)
    }

    /// SETs a second of redis-benchmark.
    static func limit(
        _ configuration: RedisConfiguration, connections: Int, depth: Int, commands: Int, valueSize: Int, keyCount: Int
    ) async throws -> Double {
        guard let endpoint = configuration.endpoints.first else { throw BenchmarkError("no Redis server is given") }
        var arguments = [
            "-h", endpoint.host, "-p", String(endpoint.port), "-t", "set", "--csv",
            "-c", String(connections), "-P", String(depth), "-n", String(commands), "-d", String(valueSize),
            "-r", String(keyCount),
        ]
        if let user = configuration.username { arguments += ["--user", user] }
        if let password = configuration.password { arguments += ["-a", password] }
        let output = try await Program.run("redis-benchmark", arguments)
        for line in output.split(separator: "\n") {
            let fields = line.split(separator: ",").map { $0.trimming { $0 == "\"" } }
            if fields.count > 1, fields[0] == "SET", let rate = Double(fields[1]) { return rate }
        }
        throw BenchmarkError("redis-benchmark printed no figure: \(output)")
    }
}

extension Substring {
    fileprivate func trimming(where isTrimmed: (Character) -> Bool) -> Substring {
        var rest = self
        while let first = rest.first, isTrimmed(first) { rest.removeFirst() }
        while let last = rest.last, isTrimmed(last) { rest.removeLast() }
        return rest
    }
}
