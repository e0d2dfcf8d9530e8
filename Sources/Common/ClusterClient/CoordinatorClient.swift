package import ClusterAPI
import Foundation
package import Logging
import NIOCore
import NIOFoundationCompat
package import Runtime
import Synchronization

/// Talks to the coordinator that leads, and finds it among several. One value serves a whole process; every call has a
/// deadline, which holds for all that are asked on the way.
package struct CoordinatorClient: Sendable {
    /// Why a call gave no answer to use.
    package struct Failure: Error, CustomStringConvertible {
        package enum Code: Sendable, Equatable {
            /// No answer: away, refused, timed out. Ask again.
            case unavailable
            /// The lease is over: register again.
            case staleIncarnation
            /// The token is wrong. Asking again changes nothing.
            case unauthorized
            /// The coordinator refused what was said, or answered what can't be read.
            case refused
        }

        package let code: Code
        package let message: String
        package var description: String { self.message }

        package init(code: Code, message: String) {
            self.code = code
            self.message = message
        }
    }

    /// Shared by all copies of a client.
    private final class Endpoints: Sendable {
        let value: Mutex<CoordinatorEndpoints>
        init(_ urls: CoordinatorURLs) { self.value = Mutex(CoordinatorEndpoints(urls)) }
    }

    private let endpoints: Endpoints
    private let token: Secret
    private let logger: Logger
    /// Of a call, all that are asked on the way included; what an answer may be held for comes on top.
    var limit: Duration = .seconds(3)

    package init(_ coordinators: CoordinatorURLs, token: Secret, logger: Logger) {
        self.endpoints = Endpoints(coordinators)
        self.token = token
        self.logger = logger
    }

    package func register(_ registration: MemberRegistration) async throws(Failure) -> MemberRegistered {
        try await self.send("POST", "/v1/members", registration)
    }

    /// The answer may take as long as the renewal allows it to be held. When a coordinator is slow or away, the next
    /// one is asked for an answer at once.
    package func renew(_ renewal: LeaseRenewal, member: String) async throws(Failure) -> DesiredState {
        var inHaste = renewal
        inHaste.waitMilliseconds = 0
        return try await self.send(
            "POST", "/v1/members/\(member)/lease", renewal, inHaste: inHaste,
            hold: .milliseconds(renewal.waitMilliseconds),
            within: self.limit - .milliseconds(500) + .milliseconds(renewal.waitMilliseconds))
    }

    /// Says that the member is there, for as long as the call lasts: some 45 s, then it is to be called again. When the
    /// process ends meanwhile, the coordinator knows at once.
    package func attend(_ attendance: Attendance, member: String) async throws(Failure) {
        let _: Nothing = try await self.send(
            "POST", "/v1/members/\(member)/attendance", attendance, hold: .seconds(50), within: .seconds(55))
    }

    /// The member's last word: its lease ends now. `final` carries the sessions it leaves.
    package func deregister(_ final: LeaseRenewal, member: String) async throws(Failure) {
        let _: Nothing = try await self.send("POST", "/v1/members/\(member)/leave", final)
    }

    package func permit(_ request: PermitRequest) async throws(Failure) -> PermitAnswer {
        try await self.send("POST", "/v1/permits", request)
    }

    /// The leader's answer. A standby's, which does not know how sessions are, only when the leader has none.
    package func cluster() async throws(Failure) -> ClusterView {
        let path = "/v1/cluster"
        let view: ClusterView = try await self.send("GET", path, Nothing?.none)
        guard view.standby != nil else { return view }
        let coordinators = self.endpoints.value.withLock { $0.configured }
        for url in coordinators {
            let request = CoordinatorRequest(method: "GET", path: path, body: nil)
            // Whatever fails here, the standby's answer is there.
            guard
                let answer = try? await CoordinatorExchange.run(
                    request, at: url, token: self.token, isInHaste: true, within: self.limit / 3),
                answer.status == 200,
                let told = try? ClusterJSON.decoder().decode(ClusterView.self, from: answer.body), told.standby == nil
            else { continue }
            if self.endpoints.value.withLock({ $0.took(url) }) {
                self.logger.info("another coordinator is asked from now on", metadata: ["coordinator.url": "\(url)"])
            }
            return told
        }
        return view
    }

    package struct Nothing: Codable, Sendable {}

    private func send<Body: Encodable, Answer: Decodable>(
        _ method: String,
        _ path: String,
        _ body: Body?,
        inHaste: Body? = nil,
        hold: Duration = .zero,
        within limit: Duration? = nil
    ) async throws(Failure) -> Answer {
        let request: CoordinatorRequest
        do {
            request = CoordinatorRequest(
                method: method, path: path, body: try Self.encode(body), bodyInHaste: try Self.encode(inHaste),
                hold: hold)
        } catch {
            throw Failure(code: .refused, message: "\(method) \(path): what was to be said can't be written (\(error))")
        }
        let answer = try await self.ask(request, within: limit ?? self.limit)
        guard (200..<300).contains(answer.status) else { throw self.failure(answer, "\(method) \(path)") }
        do {
            return try ClusterJSON.decoder().decode(
                Answer.self, from: answer.status == 204 ? ByteBuffer(string: "{}") : answer.body)
        } catch {
            throw Failure(
                code: .refused, message: "\(method) \(path): the coordinator's answer can't be read (\(error))")
        }
    }

    private static func encode(_ body: (some Encodable)?) throws -> ByteBuffer? {
        guard let body else { return nil }
        return ByteBuffer(data: try ClusterJSON.encoder().encode(body))
    }

    /// Asks one coordinator after the other until one takes the call, all within `limit`.
    private func ask(_ request: CoordinatorRequest, within limit: Duration) async throws(Failure) -> CoordinatorAnswer {
        let clock = ContinuousClock()
        let end = clock.now + limit
        let name = "\(request.method) \(request.path)"
        var call = self.endpoints.value.withLock { $0.call() }
        var isInHaste = false
        var failure = Failure(code: .unavailable, message: "\(name): no coordinator is known")
        while let url = call.next() {
            let left = clock.now.duration(to: end)
            guard left > (request.lives ? request.hold : .zero) else { break }
            let answer: CoordinatorAnswer
            do {
                answer = try await CoordinatorExchange.run(
                    request, at: url, token: self.token, isInHaste: isInHaste,
                    within: request.lives ? left : call.limit(left: left, hold: isInHaste ? .zero : request.hold))
            } catch {
                failure = Failure(code: .unavailable, message: "\(name) at \(url): no answer (\(error))")
                // What ended for our own reasons tells nothing of the coordinator.
                if Task.isCancelled { break }
                // The lease's calls tell what a long one that broke does not.
                if !request.lives { self.endpoints.value.withLock { $0.failed(url) } }
                isInHaste = true
                continue
            }
            switch answer.status {
            case 307, 308:
                if case .refuse(let reason) = call.redirected(by: url, to: answer.location, path: request.path) {
                    failure = Failure(code: .unavailable, message: "\(name) at \(url): \(reason)")
                }
            case 502, 503, 504:
                call.declined(url)
                failure = self.failure(answer, "\(name) at \(url)")
            default:
                if self.endpoints.value.withLock({ $0.took(url) }) {
                    self.logger.info(
                        "another coordinator is asked from now on", metadata: ["coordinator.url": "\(url)"])
                }
                return answer
            }
        }
        throw failure
    }

    private func failure(_ answer: CoordinatorAnswer, _ call: String) -> Failure {
        let status = answer.status
        // Without a problem object (a proxy's answer, say) the status has to do.
        let problem = try? ClusterJSON.decoder().decode(Problem.self, from: answer.body)
        let code: Failure.Code =
            switch (status, problem?.code) {
            case (_, .staleIncarnation): .staleIncarnation
            case (401, _), (403, _): .unauthorized
            case (429, _), (500..., _): .unavailable
            default: .refused
            }
        return Failure(code: code, message: "\(call): the coordinator answered \(status) \(problem?.detail ?? "")")
    }
}
