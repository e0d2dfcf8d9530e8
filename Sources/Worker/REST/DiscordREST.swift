import AsyncHTTPClient
import Discord
import Foundation
import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Runtime
import Synchronization

/// Sends requests to Discord within its limits, and repeats those that may be repeated.
final class DiscordREST: Sendable {
    struct Failure: Error, CustomStringConvertible {
        enum Code: Sendable, Equatable {
            /// Discord's answer is final: status and its JSON error code.
            case refused(status: Int, code: Int)
            /// No answer, or none that counts, until the deadline.
            case outOfTime
        }

        let code: Code
        let description: String
    }

    private static let mostAnswerBytes = 8 << 20

    private let apiURL: String
    private let token: Secret
    private let http: HTTPClient
    private let global: GlobalRateLimit
    private let logger: Logger
    private let buckets = Mutex(RateLimitBuckets())
    private let start = ContinuousClock.now
    private let requests: Counter
    private let limited: Counter

    init(
        apiURL: String,
        token: Secret,
        http: HTTPClient = .shared,
        global: GlobalRateLimit,
        metrics: MetricRegistry,
        logger: Logger
    ) {
        self.apiURL = apiURL
        self.token = token
        self.http = http
        self.global = global
        self.logger = logger
        self.requests = metrics.counter("flotilla_rest_requests_total", help: "Requests sent to Discord's REST API.")
        self.limited = metrics.counter("flotilla_rest_rate_limited_total", help: "Answers 429 of Discord's REST API.")
    }

    /// Sends until Discord takes or refuses it, at most until `deadline`. The request must be safe to repeat.
    /// - Returns: the answer's body.
    func send(
        _ route: DiscordRoute, body: (some Encodable & Sendable)?, within limit: Duration
    ) async throws -> ByteBuffer {
        let deadline = ContinuousClock.now.advanced(by: limit)
        let key = RateLimitBuckets.Key(route)
        let bytes = try body.map { ByteBuffer(data: try JSONEncoder().encode($0)) }
        var pause: Duration = .milliseconds(200)
        while true {
            try Task.checkCancellation()
            try await self.waitForTurn(key, route, deadline: deadline)
            switch try await self.attempt(route, bytes, key: key, deadline: deadline) {
            case .done(let answer): return answer
            case .limited: continue
            case .again(let reason):
                guard ContinuousClock.now.advanced(by: pause) < deadline else {
                    throw Failure(code: .outOfTime, description: "\(route.template): \(reason)")
                }
                try await Task.sleep(for: pause * Double.random(in: 0.5...1))
                pause = min(.seconds(5), pause * 2)
            }
        }
    }

    private func waitForTurn(
        _ key: RateLimitBuckets.Key, _ route: DiscordRoute, deadline: ContinuousClock.Instant
    ) async throws {
        while true {
            let wait = self.buckets.withLock { $0.take(key, countsGlobally: route.countsGlobally, now: self.now) }
            if wait == .zero { break }
            guard ContinuousClock.now.advanced(by: wait) < deadline else {
                throw try await self.outOfTime("\(route.template): its rate limit", deadline: deadline)
            }
            try await Task.sleep(for: wait)
        }
        guard route.countsGlobally else { return }
        do {
            try await self.global.take(until: deadline)
        } catch is GlobalRateLimit.OutOfTime {
            throw try await self.outOfTime("\(route.template): the global rate limit", deadline: deadline)
        }
    }

    /// Whoever tries again at once would only fail faster.
    private func outOfTime(_ what: String, deadline: ContinuousClock.Instant) async throws -> Failure {
        try await Task.sleep(until: deadline, clock: .continuous)
        return Failure(code: .outOfTime, description: "\(what) lasts longer than the request may wait")
    }

    private enum Outcome {
        case done(ByteBuffer)
        case limited
        case again(reason: String)
    }

    private func attempt(
        _ route: DiscordRoute,
        _ body: ByteBuffer?,
        key: RateLimitBuckets.Key,
        deadline: ContinuousClock.Instant
    ) async throws -> Outcome {
        var request = HTTPClientRequest(url: self.apiURL + route.path)
        request.method = .RAW(value: route.method)
        request.headers.add(name: "authorization", value: "Bot \(self.token.reveal())")
        request.headers.add(name: "user-agent", value: "DiscordBot (https://github.com/flotilla, 0.1)")
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(body)
        }
        let headers: HTTPHeaders
        let status: UInt
        let answer: ByteBuffer
        do {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else {
                throw Failure(code: .outOfTime, description: "\(route.template): no time is left")
            }
            self.requests.increment()
            let http = self.http
            let sent = request
            (status, headers, answer) = try await withDeadline(min(left, .seconds(10))) {
                let response = try await http.execute(sent, timeout: .seconds(10))
                return (
                    response.status.code, response.headers, try await response.body.collect(upTo: Self.mostAnswerBytes)
                )
            }
        } catch let failure as Failure {
            throw failure
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            return .again(reason: "no answer (\(error))")
        }
        self.remember(headers, key: key)
        switch status {
        case 200..<300:
            return .done(answer)
        case 429:
            self.rememberLimit(headers, answer, key: key)
            return .limited
        case 500...:
            return .again(reason: "status \(status)")
        default:
            let problem = try? JSONDecoder().decode(Problem.self, from: answer)
            throw Failure(
                code: .refused(status: Int(status), code: problem?.code ?? 0),
                description: "\(route.template): status \(status), \(problem?.message ?? "no message")")
        }
    }

    private struct Problem: Decodable {
        let code: Int?
        let message: String?
    }

    private struct Limited: Decodable {
        let retry_after: Double?
        let global: Bool?
    }

    private var now: Duration { self.start.duration(to: .now) }

    private func remember(_ headers: HTTPHeaders, key: RateLimitBuckets.Key) {
        guard let remaining = headers.first(name: "x-ratelimit-remaining").flatMap(Int.init),
            let reset = headers.first(name: "x-ratelimit-reset-after").flatMap(Double.init),
            (0..<86_400).contains(reset)
        else { return }
        self.buckets.withLock {
            $0.answered(key, .init(remaining: remaining, resetAfter: .seconds(reset)), now: self.now)
        }
    }

    private func rememberLimit(_ headers: HTTPHeaders, _ answer: ByteBuffer, key: RateLimitBuckets.Key) {
        self.limited.increment()
        // Without Discord's JSON the answer is the edge's: it holds for everything this address sends.
        let body = try? JSONDecoder().decode(Limited.self, from: answer)
        let pause = RateLimitBuckets.pause(header: headers.first(name: "retry-after"), body: body?.retry_after)
        let isGlobal = body?.global ?? true
        self.logger.warning(
            "Discord's rate limit reached",
            metadata: ["rest.route": "\(key.template)", "rest.global": "\(isGlobal)", "rest.retry_after": "\(pause)"])
        self.buckets.withLock {
            $0.limited(key, isGlobal: isGlobal, retryAfter: pause, now: self.now)
        }
    }
}
