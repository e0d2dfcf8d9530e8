import ClusterAPI
import Discord
import Foundation
import NIOHTTP1
import Runtime
import TestSupport
import Testing

@testable import ClusterClient

@Suite("Operator client", .timeLimit(.minutes(1)))
struct OperatorClientTests {
    private static let token = "0perator-t0ken"
    private static let done = #"{"message":"done"}"#

    private func client(_ urls: String...) throws -> OperatorClient {
        OperatorClient(try CoordinatorURLs(urls.joined(separator: ",")), token: Secret(Self.token))
    }

    private static func view(standby: String? = nil) throws -> String {
        let view = ClusterView(
            leader: "a", generatedAt: Date(timeIntervalSince1970: 0), applications: [], members: [], slots: [],
            lanes: [], standby: standby)
        return String(decoding: try ClusterJSON.encoder().encode(view), as: UTF8.self)
    }

    private static func problem(_ code: Problem.Code) throws -> String {
        String(decoding: try ClusterJSON.encoder().encode(Problem(code, "told so")), as: UTF8.self)
    }

    private func failure(_ body: () async throws(OperatorClient.Failure) -> Void) async -> OperatorClient.Failure? {
        do { try await body() } catch { return error }
        return nil
    }

    // MARK: Requests

    @Test func `An operation is JSON with a bearer token`() async throws {
        try await LoopbackServer.run(.status(200, Self.done)) { url, server in
            let answer = try await self.client(url).perform(OperatorRequest(.drain, member: "shard-1", dryRun: true))
            #expect(answer == OperatorAnswer(message: "done"))
            let request = try #require(server.received.first)
            #expect(request.head.method == .POST && request.head.uri == "/v1/operations")
            #expect(request.head.headers["authorization"] == ["Bearer \(Self.token)"])
            #expect(request.body == #"{"dryRun":true,"member":"shard-1","name":"drain"}"#)
        }
    }

    @Test func `What is asked for stands in the query, encoded`() async throws {
        try await LoopbackServer.run(.status(200, #"{"items":[]}"#)) { url, server in
            _ = try await self.client(url).audit(limit: 5, cursor: "a&b=c", actor: "ada 1", application: 7)
            _ = try await self.client(url).gaps(limit: 1)
            #expect(
                server.received.map(\.head.uri) == [
                    "/v1/audit?limit=5&cursor=a%26b%3Dc&actor=ada%201&application=7", "/v1/gaps?limit=1",
                ])
        }
        let page = #"{"changes":[],"cursor":"1-0","isReset":true}"#
        try await LoopbackServer.run(.status(200, page)) { url, server in
            let changes = try await self.client(url).changes(after: "1-2", waitMilliseconds: 30)
            #expect(changes.cursor == "1-0" && changes.isReset)
            #expect(server.received.map(\.head.uri) == ["/v1/changes?cursor=1-2&wait=30"])
        }
    }

    // MARK: Refusals

    @Test(arguments: [
        (401, Problem.Code.unauthorized, OperatorClient.Failure.Code.unauthorized), (403, .forbidden, .unauthorized),
        (400, .badRequest, .refused), (404, .notFound, .refused), (500, .internal, .refused),
        (429, .tooManyRequests, .unreachable), (503, .unavailable, .unreachable),
    ])
    func `A refusal is told by its kind, with its detail`(
        status: Int, problem: Problem.Code, code: OperatorClient.Failure.Code
    ) async throws {
        try await LoopbackServer.run(.status(status, try Self.problem(problem))) { url, _ in
            let client = try self.client(url)
            for dryRun in [true, false] {
                let failure = await self.failure { () throws(OperatorClient.Failure) in
                    _ = try await client.perform(OperatorRequest(.restart, dryRun: dryRun))
                }
                #expect(failure?.code == code && failure?.message.contains("told so") == true, "\(failure as Any)")
                #expect(failure?.message.contains(Self.token) == false)
            }
        }
    }

    @Test(arguments: ["<html>", #"{"leader":5}"#])
    func `An answer that can't be read is refused`(body: String) async throws {
        try await LoopbackServer.run(.status(200, body)) { url, _ in
            let client = try self.client(url)
            let failure = await self.failure { () throws(OperatorClient.Failure) in _ = try await client.cluster() }
            #expect(failure?.code == .refused)
        }
    }

    // MARK: Several coordinators

    @Test func `One that is away is passed by, also for a change`() async throws {
        let away = "http://127.0.0.1:\(try quietPort())"
        try await LoopbackServer.run(.status(200, Self.done)) { url, server in
            _ = try await self.client(away, url).perform(OperatorRequest(.restart))
            #expect(server.received.count == 1)
        }
    }

    @Test func `Where nobody is the addresses are told`() async throws {
        let away = "http://127.0.0.1:\(try quietPort())"
        let client = try self.client(away)
        let failure = await self.failure { () throws(OperatorClient.Failure) in _ = try await client.cluster() }
        #expect(failure?.code == .unreachable && failure?.message.contains(away) == true)
    }

    @Test func `A change that may have been heard is not asked for twice`() async throws {
        try await LoopbackServer.run(.truncated) { first, _ in
            try await LoopbackServer.run(.status(200, Self.done)) { second, server in
                let client = try self.client(first, second)
                let failure = await self.failure { () throws(OperatorClient.Failure) in
                    _ = try await client.perform(OperatorRequest(.restart))
                }
                #expect(failure?.code == .unclear && server.received.isEmpty)
                // What changes nothing may be.
                _ = try await client.perform(OperatorRequest(.restart, dryRun: true))
                #expect(server.received.count == 1)
            }
        }
    }

    // MARK: Standbys

    @Test func `One redirect is followed, with body and token`() async throws {
        try await LoopbackServer.run(.status(200, Self.done)) { leader, server in
            try await LoopbackServer.run(.redirect(307, location: leader + "/v1/operations")) { standby, _ in
                _ = try await self.client(standby).perform(OperatorRequest(.cordon, member: "a"))
                let request = try #require(server.received.first)
                #expect(request.head.method == .POST && request.body == #"{"member":"a","name":"cordon"}"#)
                #expect(request.head.headers["authorization"] == ["Bearer \(Self.token)"])
            }
        }
    }

    @Test func `A second redirect is not followed`() async throws {
        try await LoopbackServer.run(.status(200, Self.done)) { third, server in
            try await LoopbackServer.run(.redirect(307, location: third + "/v1/operations")) { second, _ in
                try await LoopbackServer.run(.redirect(307, location: second + "/v1/operations")) { first, _ in
                    let client = try self.client(first)
                    let failure = await self.failure { () throws(OperatorClient.Failure) in
                        _ = try await client.perform(OperatorRequest(.restart))
                    }
                    #expect(failure?.code == .unreachable && server.received.isEmpty)
                }
            }
        }
    }

    @Test(arguments: [
        nil, "", "ftp://127.0.0.1/v1/operations", "file:///v1/operations", "/v1/operations",
        "http://user:password@127.0.0.1/v1/operations", "http://127.0.0.1:1/elsewhere",
    ])
    func `A redirect to what is no coordinator gets no token`(location: String?) async throws {
        try await LoopbackServer.run(.redirect(307, location: location)) { url, server in
            let client = try self.client(url)
            let failure = await self.failure { () throws(OperatorClient.Failure) in
                _ = try await client.perform(OperatorRequest(.restart))
            }
            #expect(failure?.code == .refused && server.received.count == 1)
        }
    }

    @Test func `The leader is asked for what a standby does not know`() async throws {
        let told = try Self.view()
        let copied = try Self.view(standby: "b")
        try await LoopbackServer.run(.status(200, told)) { leader, _ in
            let answer: @Sendable (LoopbackServer.Received) -> LoopbackServer.Answer = { request in
                request.head.uri == "/v1/leader"
                    ? .status(200, #"{"holder":"a","url":"\#(leader)","epoch":1,"isThis":false}"#)
                    : .status(200, copied)
            }
            try await LoopbackServer.run(answer) { standby, _ in
                let view = try await self.client(standby).cluster()
                #expect(view.standby == nil)
            }
        }
    }

    @Test(arguments: [
        #"{"epoch":1,"isThis":false}"#, #"{"holder":"a","url":"ftp://x","epoch":1,"isThis":false}"#, "{}",
    ])
    func `Where the leader can't be found a standby's answer has to do`(leader: String) async throws {
        let copied = try Self.view(standby: "b")
        let answer: @Sendable (LoopbackServer.Received) -> LoopbackServer.Answer = { request in
            .status(200, request.head.uri == "/v1/leader" ? leader : copied)
        }
        try await LoopbackServer.run(answer) { standby, _ in
            let view = try await self.client(standby).cluster()
            #expect(view.standby == "b")
        }
    }
}
