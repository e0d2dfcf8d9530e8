import AsyncHTTPClient
package import ClusterAPI
package import Discord
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOPosix
package import Runtime

/// Asks the coordinator on behalf of an operator: reads, and changes. Every call has a deadline.
package struct OperatorClient: Sendable {
    /// Why a call gave no answer to use.
    package struct Failure: Error, CustomStringConvertible {
        package enum Code: Sendable, Equatable {
            /// No answer, or none that leads.
            case unreachable
            /// A change was asked for and no answer came: it may have been made.
            case unclear
            /// The token is wrong, or allows less than was asked.
            case unauthorized
            /// The coordinator refused, or answered what can't be read.
            case refused
        }

        package let code: Code
        /// For people: what was attempted and what to do; never the token.
        package let message: String
        package var description: String { self.message }

        package init(code: Code, message: String) {
            self.code = code
            self.message = message
        }
    }

    private let coordinators: CoordinatorURLs
    private let token: Secret

    /// - Parameter coordinators: asked in turn until one answers.
    package init(_ coordinators: CoordinatorURLs, token: Secret) {
        self.coordinators = coordinators
        self.token = token
    }

    // MARK: Calls

    /// What the leader knows; a standby's answer, which says so, where the leader can't be reached.
    package func cluster() async throws(Failure) -> ClusterView {
        let call = Self.get("/v1/cluster")
        let (view, standby): (ClusterView, CoordinatorURL) = try await self.send(call, .seconds(5))
        guard view.standby != nil else { return view }
        // Whatever fails here, the standby's answer is there.
        guard let leader = try? await self.leader(), !leader.isThis, let url = leader.url,
            let target = try? CoordinatorURL(location: url, path: call.path, from: standby),
            let answer = try? await self.exchange(call, target, .seconds(5)),
            let told: ClusterView = try? self.value(of: answer, call)
        else { return view }
        return told
    }

    package func leader() async throws(Failure) -> LeaderView { try await self.get("/v1/leader") }

    /// - Parameters:
    ///   - limit: the most entries of the page.
    ///   - cursor: of the page before; nil for the first.
    ///   - actor: only what this one asked for; nil: whoever. Likewise `action` and `application`.
    package func audit(
        limit: Int, cursor: String? = nil, actor: String? = nil, action: String? = nil, application: Snowflake? = nil
    ) async throws(Failure) -> AuditPage {
        try await self.get(
            "/v1/audit",
            [
                "limit": "\(limit)", "cursor": cursor, "actor": actor, "action": action,
                "application": application?.description,
            ])
    }

    /// As ``audit(limit:cursor:actor:action:application:)``.
    package func gaps(
        limit: Int, cursor: String? = nil, application: Snowflake? = nil
    ) async throws(Failure) -> GapPage {
        try await self.get(
            "/v1/gaps", ["limit": "\(limit)", "cursor": cursor, "application": application?.description])
    }

    /// - Parameters:
    ///   - cursor: of the page before; nil begins now.
    ///   - waitMilliseconds: for how long the answer may be held while nothing changes.
    package func changes(after cursor: String?, waitMilliseconds: Int) async throws(Failure) -> ChangePage {
        try await self.get(
            "/v1/changes", ["cursor": cursor, "wait": "\(waitMilliseconds)"],
            deadline: .milliseconds(waitMilliseconds) + .seconds(5))
    }

    package func perform(_ request: OperatorRequest) async throws(Failure) -> OperatorAnswer {
        let body: ByteBuffer
        do {
            body = ByteBuffer(data: try ClusterJSON.encoder().encode(request))
        } catch {
            throw Failure(code: .refused, message: "the request can't be written as JSON (\(error))")
        }
        let call = CoordinatorRequest(method: "POST", path: "/v1/operations", body: body)
        // A dry run may be asked twice.
        return try await self.send(call, .seconds(15), isChange: request.dryRun != true).value
    }

    // MARK: Sending

    private static func get(_ path: String, _ query: KeyValuePairs<String, String?> = [:]) -> CoordinatorRequest {
        let pairs = query.compactMap { name, value in
            value.map { "\(name)=\($0.addingPercentEncoding(withAllowedCharacters: Self.unreserved) ?? "")" }
        }
        let whole = pairs.isEmpty ? path : "\(path)?\(pairs.joined(separator: "&"))"
        return CoordinatorRequest(method: "GET", path: whole, body: nil)
    }

    private func get<Value: Decodable>(
        _ path: String, _ query: KeyValuePairs<String, String?> = [:], deadline: Duration = .seconds(5)
    ) async throws(Failure) -> Value {
        try await self.send(Self.get(path, query), deadline).value
    }

    /// RFC 3986.
    private static let unreserved = CharacterSet(
        charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

    /// - Parameters:
    ///   - deadline: of each exchange.
    ///   - isChange: one that may have been heard is not asked for again.
    /// - Returns: the answer, and who was asked for it.
    private func send<Value: Decodable>(
        _ call: CoordinatorRequest, _ deadline: Duration, isChange: Bool = false
    ) async throws(Failure) -> (value: Value, by: CoordinatorURL) {
        var reasons: [String] = []
        for url in self.coordinators.all {
            do throws(Unanswered) {
                return (try self.value(of: try await self.answer(call, at: url, deadline), call), url)
            } catch {
                switch error {
                case .failed(let failure):
                    guard failure.code == .unreachable, !isChange else { throw failure }
                    reasons.append("\(url): \(failure.message)")
                case .nothingSent(let reason): reasons.append("\(url): \(reason)")
                case .noAnswer(let reason):
                    guard !isChange else {
                        throw Failure(
                            code: .unclear,
                            message:
                                "\(url): \(reason). What was asked for may have been done: look before you ask again")
                    }
                    reasons.append("\(url): \(reason)")
                }
            }
        }
        throw Failure(
            code: .unreachable,
            message: "no answer of a coordinator that leads: " + reasons.joined(separator: "; "))
    }

    private enum Unanswered: Error {
        case nothingSent(String)
        case noAnswer(String)
        case failed(Failure)
    }

    /// What one coordinator answers, or the leader that it sends to: one redirect is followed.
    private func answer(
        _ call: CoordinatorRequest, at url: CoordinatorURL, _ deadline: Duration
    ) async throws(Unanswered) -> CoordinatorAnswer {
        let first = try await self.exchange(call, url, deadline)
        guard Self.isRedirect(first) else { return first }
        let leader: CoordinatorURL
        do {
            leader = try CoordinatorURL(location: first.location ?? "", path: call.path, from: url)
        } catch {
            throw .failed(
                Failure(
                    code: .refused,
                    message: "\(url) sends to another coordinator, and is not followed: \(error). "
                        + "Give the leader's own address"))
        }
        let second = try await self.exchange(call, leader, deadline)
        guard !Self.isRedirect(second) else {
            throw .failed(
                Failure(
                    code: .unreachable,
                    message: "\(url) sends to \(leader), which sends on: the lead is changing, ask again"))
        }
        return second
    }

    /// Nobody listens there, or no way leads there.
    private static let refusals: Set<Int32> = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH]

    private static func isRedirect(_ answer: CoordinatorAnswer) -> Bool { answer.status == 307 || answer.status == 308 }

    private func exchange(
        _ call: CoordinatorRequest, _ url: CoordinatorURL, _ deadline: Duration
    ) async throws(Unanswered) -> CoordinatorAnswer {
        do {
            return try await CoordinatorExchange.run(
                call, at: url, token: self.token, isInHaste: false, within: deadline)
        } catch let error as NIOConnectionError {
            throw .nothingSent(error.connectionErrors.first.map { "\($0.error)" } ?? "there is no such host")
        } catch let error as IOError where Self.refusals.contains(error.errnoCode) {
            throw .nothingSent("\(error)")
        } catch let error as HTTPClientError where error == .connectTimeout {
            throw .nothingSent("no connection in time")
        } catch {
            throw .noAnswer("no answer (\(error))")
        }
    }

    private func value<Value: Decodable>(
        of answer: CoordinatorAnswer, _ call: CoordinatorRequest
    ) throws(Unanswered) -> Value {
        guard (200..<300).contains(answer.status) else { throw .failed(Self.failure(answer, call)) }
        do {
            return try ClusterJSON.decoder().decode(Value.self, from: answer.body)
        } catch {
            throw .failed(
                Failure(
                    code: .refused,
                    message: "\(call.method) \(call.path) was answered with what can't be read: "
                        + "is a coordinator of this version at that address? (\(error))"))
        }
    }

    private static func failure(_ answer: CoordinatorAnswer, _ call: CoordinatorRequest) -> Failure {
        // Without a problem object (a proxy's answer, say) the status has to do.
        let problem = try? ClusterJSON.decoder().decode(Problem.self, from: answer.body)
        let told = problem?.detail ?? "\(call.method) \(call.path) was answered with status \(answer.status)"
        switch answer.status {
        case 401: return Failure(code: .unauthorized, message: "the coordinator doesn't take the token: \(told)")
        case 403: return Failure(code: .unauthorized, message: "the token doesn't allow that: \(told)")
        case 429, 502, 503, 504:
            return Failure(code: .unreachable, message: "the coordinator can't do that now: \(told)")
        default: return Failure(code: .refused, message: told)
        }
    }
}
