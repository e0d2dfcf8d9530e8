import CBaselines
import Foundation
import Gateway
import NIOCore
import NIOPosix

/// Guards the path of every event from Discord: that sockets, WebSocket frames, message bounds and slicing stay small
/// next to inflating itself. Ours is the CPU of the client's event-loop thread, reads from the socket included; the
/// limit is ZSTD_decompressStream alone, over the same compressed bytes in memory.
struct GatewayBenchmark {
    private static let eventCount = 50_000

    func run(_ rounds: Rounds) async throws {
        let stream = try CompressedEvents(count: Self.eventCount)
        let serverGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let clientGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = try await GatewayServer.start(
            limits: GatewayLimits(maxFrameBytes: 1 << 16, maxMessageBytes: 1 << 16, maxUnsentBytes: 1 << 30),
            group: serverGroup
        ) { _, _ in
            EventReplay(stream)
        }
        let url = try GatewayURL("ws://127.0.0.1:\(server.port)", compression: .zstdStream)
        let samples = try await rounds.compare { _ in
            try await Self.ours(url, stream, group: clientGroup)
        } limit: { _ in
            try Self.limit(stream)
        }
        await server.close()
        try await clientGroup.shutdownGracefully()
        try await serverGroup.shutdownGracefully()
        Measurement(
            scenario: "gateway-receive", metric: "zstd-stream events of 1 KB on one core", unit: "events/s",
            ours: samples.ours, limit: samples.limit, goal: .atLeast(0.25)
        ).report()
    }

    private static func ours(
        _ url: GatewayURL, _ stream: CompressedEvents, group: MultiThreadedEventLoopGroup
    ) async throws -> Double {
        let eventLoop = group.next()
        let finished = eventLoop.makePromise(of: Double.self)
        let connection = try await GatewayClient.connect(
            to: url, group: eventLoop, deadline: .now + .seconds(10)
        ) { _ in
            EventCounter(expecting: stream.lengths.count, on: eventLoop, finished: finished)
        }
        // The server begins when it hears something.
        connection.send(ByteBuffer(string: "{}"))
        let cpuSeconds = try await finished.futureResult.get()
        connection.drop()
        return Double(stream.lengths.count) / cpuSeconds
    }

    private static func limit(_ stream: CompressedEvents) throws -> Double {
        var inflated: UInt64 = 0
        let cpuSeconds = baseline_inflate(stream.payloads, stream.lengths, stream.lengths.count, &inflated)
        guard cpuSeconds > 0, inflated == UInt64(stream.inflatedBytes) else {
            throw BenchmarkError("the C loop could not inflate the events")
        }
        return Double(stream.lengths.count) / cpuSeconds
    }
}
