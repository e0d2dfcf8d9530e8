import CBaselines
import Discord
import Gateway
import Logging
import NIOCore
import NIOPosix
import Sandbox

/// Guards what an event costs a shard before it leaves for the broker: socket, WebSocket, inflating, slicing, the
/// session, the publish plan, the watermark and the writing into its lane's batch; the batches themselves are thrown
/// away. Ours is the CPU of the shard's one event-loop thread; the sandbox's replay has a thread of its own. The limit
/// is a bare loop over like events in memory, which inflates with C's zstd and slices.
struct IngestBenchmark {
    private static let eventCount = 50_000

    func run(_ rounds: Rounds) async throws {
        let stream = try CompressedEvents(count: Self.eventCount)
        for compression in [GatewayCompression.zstdStream, .zlibStream] {
            let gatewayGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let gateway = try await ReplayGateway.start(group: gatewayGroup)
            let samples = try await rounds.compare { length in
                try await Self.ours(gateway.url, compression, for: length)
            } limit: { _ in
                try Self.limit(stream)
            }
            await gateway.close()
            try await gatewayGroup.shutdownGracefully()
            let isDefault = compression == .zstdStream
            Measurement(
                scenario: isDefault ? "ingest" : "ingest-zlib",
                metric: "\(compression.rawValue) events of 1 KB through one shard, to the batch, on one core",
                unit: "events/s", ours: samples.ours, limit: isDefault ? samples.limit : [],
                goal: isDefault ? .valueAtLeast(250_000) : .none
            ).report()
        }
    }

    private static func ours(
        _ url: String, _ compression: GatewayCompression, for length: Duration
    ) async throws -> Double {
        try await ShardUnderLoad.run(
            slots: 1, gatewayURL: url, settings: ["FLOTILLA_GATEWAY_COMPRESSION": compression.rawValue]
        ) { shard in
            try await shard.waitUntilReady(1)
            try await Task.sleep(for: .milliseconds(200))
            let (events, cpu) = (shard.count("flotilla_shard_events_total"), try await shard.cpuSeconds())
            try await Task.sleep(for: length)
            let taken = shard.count("flotilla_shard_events_total") - events
            let used = try await shard.cpuSeconds() - cpu
            guard taken > 0, used > 0 else { throw BenchmarkError("no events came") }
            return Double(taken) / used
        }
    }

    private static func limit(_ stream: CompressedEvents) throws -> Double {
        var count = 0
        let cpuSeconds = withUnsafeMutablePointer(to: &count) { count in
            baseline_inflate_each(
                stream.payloads, stream.lengths, stream.lengths.count,
                { context, bytes, length in
                    // What can't be sliced is not counted, and missed below.
                    let slice = try? FrameSlice.slice(UnsafeRawBufferPointer(start: bytes, count: length))
                    if slice?.guildID != nil { context?.assumingMemoryBound(to: Int.self).pointee += 1 }
                }, count)
        }
        guard cpuSeconds > 0, count == stream.lengths.count else {
            throw BenchmarkError("the bare loop could not read the events")
        }
        return Double(count) / cpuSeconds
    }
}
