import CBaselines
import ClusterAPI
import Foundation
import Logging
import NIOCore
import NIOPosix
import Runtime
import ServiceLifecycle
import Shard

/// A shard process' services inside this one, on event loops of their own, with a coordinator that grants at once.
struct ShardUnderLoad: Sendable {
    let coordinator: GrantingCoordinator
    let metrics: MetricRegistry
    let eventLoops: [any EventLoop]

    /// Runs it for as long as the body takes.
    ///
    /// - Parameters:
    ///   - amqpURL: nil: events are discarded when they would leave for the broker.
    ///   - exchange: what it publishes to.
    static func run<Result: Sendable>(
        slots: Int,
        gatewayURL: String,
        amqpURL: String? = nil,
        exchange: String = "none",
        eventLoops: Int = 1,
        settings extra: [String: String] = [:],
        _ body: @Sendable (ShardUnderLoad) async throws -> Result
    ) async throws -> Result {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: eventLoops)
        let coordinator = GrantingCoordinator(slots: slots, gatewayURL: gatewayURL, exchange: exchange)
        var environment = [
            "FLOTILLA_COORDINATOR_URL": "http://127.0.0.1:1", "FLOTILLA_MEMBER_TOKEN": "bench",
            "FLOTILLA_MEMBER_ID": "bench", "FLOTILLA_DISCORD_TOKEN": "bench",
            "FLOTILLA_SHARD_CAPACITY": "\(slots)", "FLOTILLA_SHARD_EVENT_LOOPS": "\(eventLoops)",
            "FLOTILLA_AMQP_URL": amqpURL ?? "amqp://none@127.0.0.1:1",
        ]
        environment.merge(extra) { $1 }
        let reader = SettingsReader(SettingsSource(environment: environment))
        var settings = ShardSettings(reader, processID: 1, version: "bench")
        try reader.finish()
        if amqpURL == nil { settings.discardEvents() }
        let metrics = MetricRegistry()
        let shard = makeShard(
            settings, coordinator: coordinator, health: HealthState(required: []), metrics: metrics, group: group,
            logger: Logger(label: "bench.shard"))
        let load = ShardUnderLoad(
            coordinator: coordinator, metrics: metrics, eventLoops: Array(group.makeIterator()))
        let outcome: Swift.Result<Result, any Error>
        do {
            outcome = .success(
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { try await shard.run() }
                    defer { tasks.cancelAll() }
                    let result = try await body(load)
                    await shard.triggerGracefulShutdown()
                    try await tasks.waitForAll()
                    return result
                })
        } catch {
            outcome = .failure(error)
        }
        try await group.shutdownGracefully()
        return try outcome.get()
    }

    /// Waits until so many slots are ready.
    func waitUntilReady(_ slots: Int, within limit: Duration = .seconds(120)) async throws {
        let deadline = ContinuousClock.now + limit
        while self.coordinator.observed.count(where: { $0.status == .ready }) < slots {
            guard ContinuousClock.now < deadline else {
                throw BenchmarkError("\(slots) slots were not ready within \(limit)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    func count(_ counter: String) -> Int { Int(self.metrics.counter(counter, help: "").value) }

    /// Of the threads of its event loops, user and system, so far.
    func cpuSeconds() async throws -> Double {
        var total = 0.0
        for eventLoop in self.eventLoops { total += try await eventLoop.submit { thread_cpu_seconds() }.get() }
        return total
    }
}
