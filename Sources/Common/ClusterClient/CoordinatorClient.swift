package import AsyncHTTPClient
package import ClusterAPI
import Foundation
package import Logging
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
package import Runtime

/// Talks to the coordinator. One value serves a whole process; every call has a deadline.
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

    /// No answer of the coordinator comes near this size with 20,000 slots.
    private static let mostAnswerBytes = 32 << 20

    private let baseURL: String
    private let token: Secret
    private let http: HTTPClient
    private let logger: Logger

    /// - Parameter baseURL: such as `http://127.0.0.1:7400`, without a slash at the end.
    package init(baseURL: String, token: Secret, http: HTTPClient = .shared, logger: Logger) {
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.token = token
        self.http = http
        self.logger = logger
    }

    package func register(_ registration: MemberRegistration) async throws(Failure) -> MemberRegistered {
        try await self.send("POST", "/v1/members", registration)
    }

    /// The answer may take as long as the renewal allows it to be held.
    package func renew(_ renewal: LeaseRenewal, member: String) async throws(Failure) -> DesiredState {
        try await self.send(
            "POST", "/v1/members/\(member)/lease", renewal, deadline: .milliseconds(2500 + renewal.waitMilliseconds))
    }

    /// The member's last word: its lease ends now. `final` carries the sessions it leaves.
    package func deregister(_ final: LeaseRenewal, member: String) async throws(Failure) {
        let _: Nothing = try await self.send("POST", "/v1/members/\(member)/leave", final)
    }

    package func permit(_ request: PermitRequest) async throws(Failure) -> PermitAnswer {
        try await self.send("POST", "/v1/permits", request)
    }

    package func cluster() async throws(Failure) -> ClusterView {
        try await self.send("GET", "/v1/cluster", Nothing?.none)
    }

    package struct Nothing: Codable, Sendable {}

    private func send<Body: Encodable, Answer: Decodable>(
        _ method: String,
        _ path: String,
        _ body: Body?,
        deadline: Duration = .seconds(3)
    ) async throws(Failure) -> Answer {
        let status: Int
        let bytes: ByteBuffer
        do {
            var request = HTTPClientRequest(url: self.baseURL + path)
            request.method = .RAW(value: method)
            request.headers.add(name: "authorization", value: "Bearer \(self.token.reveal())")
            request.headers.add(name: "accept", value: "application/json")
            if let body {
                request.headers.add(name: "content-type", value: "application/json")
                request.body = .bytes(ByteBuffer(data: try ClusterJSON.encoder().encode(body)))
            }
            let http = self.http
            let sent = request
            // The client's own deadline ends with the answer's head.
            (status, bytes) = try await withDeadline(deadline) {
                let response = try await http.execute(sent, timeout: .seconds(60))
                return (Int(response.status.code), try await response.body.collect(upTo: Self.mostAnswerBytes))
            }
        } catch {
            throw Failure(code: .unavailable, message: "\(method) \(path) at the coordinator: no answer (\(error))")
        }
        guard (200..<300).contains(status) else { throw self.failure(status, bytes, "\(method) \(path)") }
        do {
            return try ClusterJSON.decoder().decode(Answer.self, from: status == 204 ? ByteBuffer(string: "{}") : bytes)
        } catch {
            throw Failure(
                code: .refused, message: "\(method) \(path): the coordinator's answer can't be read (\(error))")
        }
    }

    private func failure(_ status: Int, _ bytes: ByteBuffer, _ call: String) -> Failure {
        // Without a problem object (a proxy's answer, say) the status has to do.
        let problem = try? ClusterJSON.decoder().decode(Problem.self, from: bytes)
        let code: Failure.Code =
            switch (status, problem?.code) {
            case (_, .staleIncarnation): .staleIncarnation
            case (401, _), (403, _): .unauthorized
            case (429, _), (500..., _): .unavailable
            default: .refused
            }
        return Failure(code: code, message: "\(call) at the coordinator: \(status) \(problem?.detail ?? "")")
    }
}
