import AsyncHTTPClient
package import ClusterAPI
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix

/// Asks whichever coordinator leads, as an operator.
package struct FleetOperator: Sendable {
    private static let mostAnswerBytes = 32 << 20

    private let coordinators: [String]
    /// In `coordinators`: one that is not asked.
    private var avoided: Int?
    private let token: String
    private let http: HTTPClient

    init(coordinators: [String], token: String) {
        self.coordinators = coordinators
        self.token = token
        // A standby's redirect is no answer, and a coordinator that is gone must not hold up the others.
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        self.http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func close() async throws { try await self.http.shutdown() }

    /// The same, but for one coordinator that is not asked.
    package func except(_ index: Int) -> FleetOperator {
        var others = self
        others.avoided = index
        return others
    }

    /// What the leader says; without one, what a standby does. nil: no coordinator has an answer now.
    package func view() async -> ClusterView? {
        var known: ClusterView?
        for coordinator in self.coordinators {
            // An absent coordinator is an answer here.
            guard let (status, body) = try? await self.call("GET", "\(coordinator)/v1/cluster", nil), status == 200,
                let view = try? ClusterJSON.decoder().decode(ClusterView.self, from: body)
            else { continue }
            if view.standby == nil { return view }
            known = view
        }
        return known
    }

    /// Which of the coordinators leads, by what it says itself; nil: none does now.
    package func leader() async -> Int? {
        for (index, coordinator) in self.coordinators.enumerated() {
            guard let (status, body) = try? await self.call("GET", "\(coordinator)/v1/leader", nil), status == 200,
                let leader = try? ClusterJSON.decoder().decode(LeaderView.self, from: body), leader.isThis
            else { continue }
            return index
        }
        return nil
    }

    /// Asks each coordinator once.
    /// - Returns: nil when none of them leads now.
    /// - Throws: when the leader refuses.
    package func tried(_ request: OperatorRequest) async throws -> OperatorAnswer? {
        switch try await self.ask(request) {
        case .done(let answer): return answer
        case .refused(let problem, _): throw problem
        case .open: return nil
        }
    }

    private enum Reply {
        // `wasHeard`: whether one that gave no answer may have done it.
        case done(OperatorAnswer)
        case refused(HarnessError, wasHeard: Bool)
        case open(wasHeard: Bool)
    }

    private func ask(_ request: OperatorRequest) async throws -> Reply {
        let body = ByteBuffer(data: try ClusterJSON.encoder().encode(request))
        var wasHeard = false
        for (index, coordinator) in self.coordinators.enumerated() where index != self.avoided {
            let status: UInt
            let answer: ByteBuffer
            do {
                (status, answer) = try await self.call("POST", "\(coordinator)/v1/operations", body)
            } catch is NIOConnectionError {
                continue
            } catch {
                wasHeard = true
                continue
            }
            switch status {
            case 200: return .done(try ClusterJSON.decoder().decode(OperatorAnswer.self, from: answer))
            case 400..<500:
                let text = String(String(buffer: answer).prefix(400))
                return .refused(
                    HarnessError("\(request.name.rawValue) is refused with \(status): \(text)"), wasHeard: wasHeard)
            default: continue
            }
        }
        return .open(wasHeard: wasHeard)
    }

    /// Asks until the leader answers. A refusal of what an earlier try may have done is an answer, too: whether it was
    /// done shows in the fleet.
    package func operate(
        _ request: OperatorRequest, within limit: Duration = .seconds(30)
    ) async throws -> OperatorAnswer {
        let deadline = ContinuousClock.now + limit
        var mayBeDone = false
        while true {
            switch try await self.ask(request) {
            case .done(let answer): return answer
            case .refused(let problem, let wasHeard):
                guard mayBeDone || wasHeard else { throw problem }
                return OperatorAnswer(message: "an earlier try may have done it: \(problem)")
            case .open(let wasHeard): mayBeDone = mayBeDone || wasHeard
            }
            guard ContinuousClock.now < deadline else {
                throw HarnessError("nobody leads: \(request.name.rawValue) had no answer within \(limit)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private func call(_ method: String, _ url: String, _ body: ByteBuffer?) async throws -> (UInt, ByteBuffer) {
        var request = HTTPClientRequest(url: url)
        request.method = .RAW(value: method)
        request.headers.add(name: "authorization", value: "Bearer \(self.token)")
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(body)
        }
        let response = try await self.http.execute(request, timeout: .seconds(2))
        return (response.status.code, try await response.body.collect(upTo: Self.mostAnswerBytes))
    }
}
