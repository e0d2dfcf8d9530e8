import ClusterAPI
import Foundation
import Logging
import NIOHTTP1
import Runtime
import TestSupport
import Testing

@testable import ClusterClient

@Suite("Coordinator client", .timeLimit(.minutes(1)))
struct CoordinatorClientTests {
    private static let token = "s3cret-t0ken"
    private static let registered =
        #"{"exchange":"gw.m.a.1","incarnation":1,"leaseMilliseconds":6000,"renewMilliseconds":1000}"#

    private let registration = MemberRegistration(id: "a", kind: .shard, capacity: 5, zone: "z", version: "1")
    private let renewal = LeaseRenewal(incarnation: 1, appliedVersion: 0, waitMilliseconds: 0)

    private func client(_ url: String) throws -> CoordinatorClient {
        CoordinatorClient(
            try CoordinatorURLs(url), token: Secret(Self.token),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    private static func problem(_ code: Problem.Code) throws -> String {
        String(decoding: try ClusterJSON.encoder().encode(Problem(code, "told so")), as: UTF8.self)
    }

    private func failure(_ body: () async throws(CoordinatorClient.Failure) -> Void) async -> CoordinatorClient.Failure?
    {
        do { try await body() } catch { return error }
        return nil
    }

    @Test(arguments: ["", "/"])
    func `A call is JSON with a bearer token at the coordinator's path`(ending: String) async throws {
        try await LoopbackServer.run(.status(200, Self.registered)) { url, server in
            let answer = try await self.client(url + ending).register(self.registration)
            #expect(
                answer
                    == MemberRegistered(
                        incarnation: 1, leaseMilliseconds: 6000, renewMilliseconds: 1000, exchange: "gw.m.a.1"))
            let request = try #require(server.received.first)
            #expect(request.head.method == .POST && request.head.uri == "/v1/members")
            #expect(request.head.headers["authorization"] == ["Bearer \(Self.token)"])
            #expect(request.head.headers["content-type"] == ["application/json"])
            #expect(request.body == #"{"capacity":5,"id":"a","kind":"shard","version":"1","zone":"z"}"#)
        }
    }

    @Test func `Each call has its own path`() async throws {
        try await LoopbackServer.run(.status(204, "")) { url, server in
            try await self.client(url).deregister(self.renewal, member: "a")
            #expect(server.received.map(\.head.uri) == ["/v1/members/a/leave"])
        }
        try await LoopbackServer.run(.status(200, #"{"version":7,"slots":[],"lanes":[]}"#)) { url, server in
            let desired = try await self.client(url).renew(self.renewal, member: "a")
            #expect(desired.version == 7)
            #expect(server.received.map(\.head.uri) == ["/v1/members/a/lease"])
        }
        try await LoopbackServer.run(
            .status(
                200,
                #"{"leader":"c","generatedAt":"2023-11-14T22:13:20Z","applications":[],"members":[],"slots":[],"lanes":[]}"#
            )
        ) { url, server in
            let view = try await self.client(url).cluster()
            #expect(view.leader == "c")
            #expect(server.received.map(\.head.method) == [.GET] && server.received.map(\.body) == [""])
        }
    }

    @Test(arguments: [
        (400, Problem.Code.badRequest, CoordinatorClient.Failure.Code.refused), (401, .unauthorized, .unauthorized),
        (403, .forbidden, .unauthorized), (404, .notFound, .refused), (409, .staleIncarnation, .staleIncarnation),
        (413, .payloadTooLarge, .refused), (429, .tooManyRequests, .unavailable), (500, .internal, .unavailable),
        (503, .unavailable, .unavailable),
    ])
    func `A problem becomes what to do next`(
        status: Int, problem: Problem.Code, code: CoordinatorClient.Failure.Code
    ) async throws {
        try await LoopbackServer.run(.status(status, try Self.problem(problem))) { url, _ in
            let client = try self.client(url)
            let failure = await self.failure { () async throws(CoordinatorClient.Failure) in
                _ = try await client.register(self.registration)
            }
            #expect(failure?.code == code)
            #expect(failure?.message.contains("\(status)") == true && failure?.message.contains("told so") == true)
            #expect(failure?.message.contains(Self.token) == false)
        }
    }

    @Test(arguments: [
        (409, CoordinatorClient.Failure.Code.refused), (401, .unauthorized), (302, .refused), (502, .unavailable),
    ])
    func `An answer of something between is judged by its status`(
        status: Int, code: CoordinatorClient.Failure.Code
    ) async throws {
        try await LoopbackServer.run(.status(status, "<html>")) { url, _ in
            let client = try self.client(url)
            let failure = await self.failure { () async throws(CoordinatorClient.Failure) in
                _ = try await client.renew(self.renewal, member: "a")
            }
            #expect(failure?.code == code)
        }
    }

    @Test(arguments: ["", "{", "[]", "{}", "null", #"{"incarnation":"one"}"#])
    func `A success that can't be read is refused`(body: String) async throws {
        try await LoopbackServer.run(.status(200, body)) { url, _ in
            let client = try self.client(url)
            let failure = await self.failure { () async throws(CoordinatorClient.Failure) in
                _ = try await client.register(self.registration)
            }
            #expect(failure?.code == .refused)
        }
    }

    @Test func `A coordinator that isn't there, or leaves in the middle, is unavailable`() async throws {
        let closed = try self.client("http://127.0.0.1:\(try quietPort())")
        let failure = await self.failure { () async throws(CoordinatorClient.Failure) in
            _ = try await closed.register(self.registration)
        }
        #expect(failure?.code == .unavailable)
        try await LoopbackServer.run(.truncated) { url, _ in
            let client = try self.client(url)
            let failure = await self.failure { () async throws(CoordinatorClient.Failure) in
                _ = try await client.register(self.registration)
            }
            #expect(failure?.code == .unavailable)
        }
    }

    @Test func `A coordinator that says nothing is given up at the deadline`() async throws {
        try await LoopbackServer.run(.silence) { url, _ in
            let clock = ContinuousClock()
            let start = clock.now
            let client = try self.client(url)
            let failure = await self.failure { () async throws(CoordinatorClient.Failure) in
                _ = try await client.renew(self.renewal, member: "a")
            }
            #expect(failure?.code == .unavailable)
            let taken = start.duration(to: clock.now)
            #expect(taken >= .seconds(2) && taken < .seconds(10), "\(taken)")
        }
    }
}
