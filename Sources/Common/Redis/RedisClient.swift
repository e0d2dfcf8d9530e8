import DequeModule
package import Logging
package import NIOCore
import NIOPosix
import NIOSSL
import ServiceLifecycle
import Synchronization

/// A client of one Redis server or one cluster. Commands of all callers share one connection a node and are written
/// together, once an event-loop tick. Commands that block or change the connection (BLPOP, XREAD BLOCK, WATCH,
/// SUBSCRIBE, SELECT) do not belong here; MULTI … EXEC inside one pipeline does.
///
/// It connects when first used or run, and reconnects by itself. While the server is known to be unreachable commands
/// fail at once with delivery `.notSent`. Commands are not cancelled with their task: each ends by its deadline.
/// Shut it down when done: its connections do not end with the last reference.
package final class RedisClient: Service {
    /// Where all results are delivered.
    package let eventLoop: any EventLoop
    package let statistics = RedisStatistics()
    private let configuration: RedisConfiguration
    private let inbox: RequestInbox
    private let core: NIOLoopBoundBox<RedisCore>

    /// - Throws: `.invalidConfiguration`, or `.tlsFailed` when the certificates can't be read.
    package init(
        configuration: RedisConfiguration,
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
        logger: Logger
    ) throws(RedisError) {
        let tls = try configuration.makeTLSContext()
        guard !configuration.endpoints.isEmpty else {
            throw RedisError(.invalidConfiguration, "no Redis endpoint is given")
        }
        self.configuration = configuration
        self.eventLoop = group.next()
        self.inbox = RequestInbox(limits: configuration.limits)
        self.core = .makeBoxSendingValue(
            RedisCore(
                configuration: configuration,
                eventLoop: self.eventLoop,
                inbox: self.inbox,
                tls: tls,
                statistics: self.statistics,
                logger: logger
            ),
            eventLoop: self.eventLoop
        )
    }

    /// Connects, and shuts down when the service group does.
    package func run() async throws {
        self.eventLoop.execute { self.core.value.start() }
        try? await gracefulShutdown()  // it throws when the task is cancelled: the end as well
        await self.shutdown()
    }

    /// Refuses new commands, waits for the answers outstanding, then closes. Safe to call again.
    package func shutdown(within limit: Duration = .seconds(2)) async {
        self.inbox.close()
        let deadline = NIODeadline.now() + TimeAmount(limit)
        await withCheckedContinuation { continuation in
            self.eventLoop.execute {
                self.core.value.shutDown(at: deadline) { continuation.resume() }
            }
        }
    }

    /// Waits for a server that answers, longer than commands do by themselves.
    package func waitUntilReady(within limit: Duration = .seconds(10)) async throws(RedisError) {
        var ping = RedisPipeline()
        ping.append("PING")
        let reply = await self.results(of: ping, timeout: limit, waitsForConnection: true)
        if let error = reply.firstError, error.serverKind != "NOPERM" { throw error }
    }

    /// Commands without an answer, and their encoded bytes.
    package var outstanding: (commands: Int, bytes: Int) { self.inbox.outstanding }

    /// The path without tasks: encodes nothing, allocates little. The results, as many as there are commands, come on
    /// the event loop. May be called from any thread; calls of one thread keep their order. A call from the event loop
    /// itself returns before its results come.
    /// - Parameter timeout: `nil` takes the configured one.
    package func send(
        _ pipeline: RedisPipeline,
        timeout: Duration? = nil,
        whenDone: @escaping @Sendable ([RESPValue]) -> Void
    ) {
        self.send(pipeline, timeout: timeout, waitsForConnection: false, whenDone: whenDone)
    }

    private func send(
        _ pipeline: RedisPipeline,
        timeout: Duration?,
        waitsForConnection: Bool,
        whenDone: @escaping @Sendable ([RESPValue]) -> Void
    ) {
        let (count, size) = (pipeline.count, pipeline.byteCount)
        guard count > 0 else { return self.eventLoop.execute { whenDone([]) } }
        let deadline = NIODeadline.now() + TimeAmount(timeout ?? self.configuration.commandTimeout)
        let scripts = pipeline.scriptCalls.isEmpty ? nil : pipeline
        let request = RedisRequest(
            bytes: pipeline.bytes,
            count: count,
            deadline: deadline,
            waitsForConnection: waitsForConnection
        ) { results in
            if let scripts, let (reload, indices) = scripts.reloading(after: results) {
                // It takes the place of the calls among what is outstanding: the loop is not asked for leave again.
                self.statistics.scriptReloads.add(indices.count, ordering: .relaxed)
                self.core.value.submit(
                    RedisRequest(bytes: reload.bytes, count: reload.count, deadline: deadline) { reloaded in
                        var merged = results
                        for (index, result) in zip(indices, reloaded) { merged[index] = result }
                        self.finish(merged, commands: count, bytes: size, whenDone)
                    })
                self.core.value.flush()
            } else {
                self.finish(results, commands: count, bytes: size, whenDone)
            }
        }
        switch self.inbox.submit(request) {
        case .accepted(let scheduleDrain):
            self.statistics.commands.add(count, ordering: .relaxed)
            if scheduleDrain { self.eventLoop.execute { self.drain() } }
        case .refused(let error):
            self.statistics.overloaded.add(count, ordering: .relaxed)
            self.eventLoop.execute { whenDone(Array(repeating: .error(error), count: count)) }
        }
    }

    private func finish(_ results: [RESPValue], commands: Int, bytes: Int, _ whenDone: ([RESPValue]) -> Void) {
        if case .error(let error)? = results.last, error.delivery != .answered {
            self.statistics.failures.add(1, ordering: .relaxed)
        }
        let isDrained = self.inbox.release(commands: commands, bytes: bytes)
        whenDone(results)
        if isDrained { self.core.value.drained() }
    }

    private func drain() {
        let core = self.core.value
        for request in self.inbox.takeAll() { core.submit(request) }
        core.flush()
    }

    private func results(
        of pipeline: RedisPipeline, timeout: Duration?, waitsForConnection: Bool = false
    ) async -> [RESPValue] {
        await withCheckedContinuation { continuation in
            self.send(pipeline, timeout: timeout, waitsForConnection: waitsForConnection) { results in
                continuation.resume(returning: results)
            }
        }
    }

    /// The results of all commands, in their order. Errors are values, each with its delivery.
    package func pipeline(_ pipeline: RedisPipeline, timeout: Duration? = nil) async -> [RESPValue] {
        await self.results(of: pipeline, timeout: timeout)
    }

    package func pipeline(_ commands: [RedisCommand], timeout: Duration? = nil) async -> [RESPValue] {
        await self.results(of: RedisPipeline(commands), timeout: timeout)
    }

    /// One command; an error reply is thrown.
    @discardableResult
    package func command(_ command: RedisCommand, timeout: Duration? = nil) async throws(RedisError) -> RESPValue {
        let results = await self.pipeline([command], timeout: timeout)
        guard let result = results.first else {
            throw RedisError(.unexpectedReply, "no result", delivery: .mayHaveExecuted)
        }
        return try result.get()
    }

    @discardableResult
    package func command(_ arguments: RedisArgument..., timeout: Duration? = nil) async throws(RedisError) -> RESPValue
    {
        try await self.command(RedisCommand(arguments), timeout: timeout)
    }

    /// Calls the script by its SHA-1, with its source if the server lacks it.
    @discardableResult
    package func run(
        _ script: RedisScript,
        keys: [RedisArgument],
        arguments: [RedisArgument] = [],
        timeout: Duration? = nil
    ) async throws(RedisError) -> RESPValue {
        var pipeline = RedisPipeline()
        pipeline.append(script, keys: keys, arguments: arguments)
        let results = await self.pipeline(pipeline, timeout: timeout)
        guard let result = results.first else {
            throw RedisError(.unexpectedReply, "no result", delivery: .mayHaveExecuted)
        }
        return try result.get()
    }

    /// Subscribes on a connection of its own, which all subscriptions share. Returns once the server has confirmed.
    /// - Parameter bufferLimit: messages kept for a slow reader; the oldest are dropped first.
    package func subscribe(
        to channels: [String],
        patterns: [String] = [],
        bufferLimit: Int = 1_024,
        timeout: Duration? = nil
    ) async throws(RedisError) -> RedisSubscription {
        let deadline = NIODeadline.now() + TimeAmount(timeout ?? self.configuration.commandTimeout)
        let (subscription, subscriber) = RedisSubscription.make(
            channels: channels,
            patterns: patterns,
            bufferLimit: bufferLimit
        ) { id in
            self.eventLoop.execute { self.core.value.subscriptions.remove(id) }
        }
        let error: RedisError? = await withCheckedContinuation { continuation in
            self.eventLoop.execute {
                self.core.value.subscriptions.add(subscriber, deadline: deadline) { continuation.resume(returning: $0) }
            }
        }
        if let error { throw error }
        return subscription
    }
}
