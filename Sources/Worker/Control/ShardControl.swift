package import AMQP
package import ClusterAPI
package import ControlAPI
import Foundation
package import Logging
package import NIOCore
import ServiceLifecycle
import Synchronization

/// Sends commands to slots, wherever in the fleet they run, and waits for their answers (docs/protocol.md).
///
/// It has a connection and a reply queue of its own. What a lost connection leaves unanswered fails at once; whether it
/// was done is not known then. Every command may be given again.
package final class ShardControl: Service {
    /// Why a command was not done, or not known to be done.
    package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        package enum Code: Sendable, Equatable {
            /// No process runs the slot now. It may be on the move: ask again in a second.
            case notRunning
            /// No answer in time.
            case timedOut
            /// Too much waits already, here or at the slot.
            case busy
            /// Discord wants a pause.
            case rateLimited
            /// The command is wrong, was refused, or a later one took its place; see ``problem``.
            case refused
            /// The broker can't be reached, or was lost meanwhile.
            case unavailable
            case cancelled
        }

        package let code: Code
        package let message: String
        /// What the shard said.
        package let problem: ControlProblem?

        package var description: String { "\(self.code): \(self.message)" }
        package var retryAfter: Duration? { self.problem?.retryAfterMilliseconds.map { .milliseconds($0) } }
    }

    private struct Pending {
        let promise: EventLoopPromise<[MembersChunk]>
        var collector: AnswerCollector
    }

    private struct State {
        var channel: AMQPChannel?
        var replyKey = ""
        var pending: [String: Pending] = [:]
        var lastRequest: UInt64 = 0
    }

    /// Requests that wait for their answers.
    static let mostPending = 1_000
    /// Of one answer.
    static let mostAnswerBytes = 64 << 20

    private let names: ControlNames
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let state = Mutex(State())
    private let client: Mutex<AMQPClient?>

    package init(
        configuration: AMQPConfiguration, names: ControlNames = ControlNames(), eventLoop: any EventLoop, logger: Logger
    ) {
        self.names = names
        self.eventLoop = eventLoop
        self.logger = logger
        self.client = Mutex(nil)
        let client = AMQPClient(
            configuration: configuration, eventLoop: eventLoop, logger: logger,
            onConnection: { [weak self] in try await self?.prepare($0) },
            onLoss: { [weak self] error in self?.lost(error) })
        self.client.withLock { $0 = client }
    }

    /// Keeps the connection until graceful shutdown.
    package func run() async throws {
        guard let client = self.client.withLock({ $0 }) else { return }
        try await client.run()
    }

    package var isConnected: Bool { self.state.withLock { $0.channel?.isOpen ?? false } }

    // MARK: Commands

    /// Returns once the shard has handed the command to Discord.
    ///
    /// - Parameter timeout: 1 ms to 300 s.
    package func perform(
        _ command: ControlCommand, on slot: Slot, within timeout: Duration = .seconds(5)
    ) async throws(Failure) {
        _ = try await self.ask(command, slot, timeout, expectsChunks: false)
    }

    /// Members as Discord sends them: the `d` of each GUILD_MEMBERS_CHUNK.
    package func members(
        _ request: MembersRequest, from slot: Slot, within timeout: Duration = .seconds(60)
    ) async throws(Failure) -> [MembersChunk] {
        try await self.ask(.requestMembers(request), slot, timeout, expectsChunks: true)
    }

    private func ask(
        _ command: ControlCommand, _ slot: Slot, _ timeout: Duration, expectsChunks: Bool
    ) async throws(Failure) -> [MembersChunk] {
        guard !Task.isCancelled else { throw .cancelled }
        let promise = self.eventLoop.makePromise(of: [MembersChunk].self)
        let (id, replyKey, channel) = try self.begin(promise, expectsChunks: expectsChunks)
        let timer = self.eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            self.end(id, .failure(.init(.timedOut, "slot \(slot) did not answer in time")))
        }
        defer { timer.cancel() }
        do {
            // The shard's own deadline comes first, so that its word arrives in time.
            let request = ControlRequest(command, timeout: timeout - min(timeout / 10, .milliseconds(250)))
            let message = AMQPMessage(
                exchange: self.names.requests, routingKey: ControlNames.routingKey(of: slot),
                properties: AMQPProperties(
                    contentType: ControlRequest.contentType, deliveryMode: .transient, correlationID: id,
                    replyTo: replyKey,
                    expiration: "\(Int(min(timeout, ControlRequest.longestQueued) / .milliseconds(1)))"),
                body: try request.encoded(), mandatory: true)
            // Beside the wait for the answer: whoever gives up is not to wait for the broker either.
            self.eventLoop.makeFutureWithTask { try await channel.publishConfirmed(message, timeout: timeout) }
                .whenFailure { self.end(id, .failure(Self.failure($0, slot))) }
        } catch {
            self.end(id, .failure(.init(.refused, "the command can't be written: \(error)")))
        }
        return try await self.outcome(of: promise, id).get()
    }

    private func begin(
        _ promise: EventLoopPromise<[MembersChunk]>, expectsChunks: Bool
    ) throws(Failure) -> (id: String, replyKey: String, channel: AMQPChannel) {
        let begun = self.state.withLock { state -> Result<(String, String, AMQPChannel), Failure> in
            guard let channel = state.channel, channel.isOpen else {
                return .failure(.init(.unavailable, "the broker can't be reached"))
            }
            guard state.pending.count < Self.mostPending else {
                return .failure(.init(.busy, "\(state.pending.count) commands wait for their answers already"))
            }
            state.lastRequest += 1
            let id = String(state.lastRequest, radix: 36)
            state.pending[id] = Pending(
                promise: promise,
                collector: AnswerCollector(expectsChunks: expectsChunks, mostBytes: Self.mostAnswerBytes))
            return .success((id, state.replyKey, channel))
        }
        if case .failure(let failure) = begun { promise.fail(failure) }
        return try begun.get()
    }

    private func outcome(
        of promise: EventLoopPromise<[MembersChunk]>, _ id: String
    ) async -> Result<[MembersChunk], Failure> {
        await withTaskCancellationHandler {
            do {
                return .success(try await promise.futureResult.get())
            } catch let failure as Failure {
                return .failure(failure)
            } catch {
                return .failure(.init(.unavailable, "\(error)"))
            }
        } onCancel: {
            self.end(id, .failure(.cancelled))
        }
    }

    private func end(_ id: String, _ result: Result<[MembersChunk], Failure>) {
        let pending = self.state.withLock { $0.pending.removeValue(forKey: id) }
        switch result {
        case .success(let chunks): pending?.promise.succeed(chunks)
        case .failure(let failure): pending?.promise.fail(failure)
        }
    }

    private static func failure(_ error: any Error, _ slot: Slot) -> Failure {
        switch (error as? AMQPError)?.code {
        case .returned: .init(.notRunning, "no process runs slot \(slot)")
        case .nacked: .init(.busy, "too many commands wait for slot \(slot)'s process")
        case .backpressure: .init(.busy, "too much waits for the broker")
        case .timedOut: .init(.timedOut, "the broker did not take the command in time")
        default: .init(.unavailable, "\(error)")
        }
    }

    private static func failure(_ problem: ControlProblem) -> Failure {
        let code: Failure.Code =
            switch problem.code {
            case .notRunning: .notRunning
            case .timeout: .timedOut
            case .busy: .busy
            case .rateLimited: .rateLimited
            default: .refused
            }
        return Failure(code, problem.message, problem)
    }

    // MARK: The broker

    private func prepare(_ connection: AMQPConnection) async throws {
        let channel = try await connection.openChannel()
        // Nobody else's, of this or any earlier connection.
        let key = self.names.replyQueuePrefix + UUID().uuidString.lowercased()
        try await channel.declareQueue(
            key, durable: false, exclusive: true, autoDelete: true, arguments: ["x-queue-type": .string("classic")])
        try await channel.bindQueue(key, to: self.names.replies, routingKey: key)
        // An answer that is lost with the connection fails its request.
        try await channel.consume(key, noAck: true) { [weak self] in self?.received($0) }
        try await channel.selectConfirms()
        self.state.withLock { state in
            state.channel = channel
            state.replyKey = key
        }
    }

    private func lost(_ error: AMQPError?) {
        let pending = self.state.withLock { state in
            defer { state.pending = [:] }
            state.channel = nil
            return state.pending.values
        }
        let failure = Failure(.unavailable, "the broker was lost: \(error.map { "\($0)" } ?? "closed by us")")
        for pending in pending { pending.promise.fail(failure) }
    }

    private func received(_ delivery: AMQPDelivery) {
        guard let id = delivery.properties.correlationID else { return }
        let answer: ControlAnswer
        do {
            answer = try ControlAnswer(decoding: delivery.body, type: delivery.properties.type)
        } catch {
            self.logger.warning("an answer of a shard can't be read", metadata: ["error": "\(error)"])
            return self.end(id, .failure(.init(.unavailable, "the answer can't be read: \(error.message)")))
        }
        // Answers that come too late, or twice, have nobody waiting.
        let outcome = self.state.withLock { $0.pending[id]?.collector.received(answer) }
        switch outcome {
        case .waiting?, nil: break
        case .done(let chunks)?: self.end(id, .success(chunks))
        case .failed(let problem)?: self.end(id, .failure(Self.failure(problem)))
        }
    }
}

extension ShardControl.Failure {
    fileprivate static let cancelled = Self(.cancelled, "nobody waits for the answer any more")

    fileprivate init(_ code: Code, _ message: String, _ problem: ControlProblem? = nil) {
        self.code = code
        self.message = message
        self.problem = problem
    }
}
