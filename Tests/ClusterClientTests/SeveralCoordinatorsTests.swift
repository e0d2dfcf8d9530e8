import ClusterAPI
import Foundation
import Logging
import NIOHTTP1
import Runtime
import Synchronization
import TestSupport
import Testing

@testable import ClusterClient

@Suite("Several coordinators", .timeLimit(.minutes(1)))
struct SeveralCoordinatorsTests {
    private static let registered =
        #"{"exchange":"gw.m.a.1","incarnation":1,"leaseMilliseconds":6000,"renewMilliseconds":1000}"#
    private static let desired = #"{"version":7,"slots":[],"lanes":[]}"#

    private let registration = MemberRegistration(id: "a", kind: .shard, capacity: 5, zone: "z", version: "1")

    /// - Parameter limit: of a call. Half of it is more than a machine may stand still while one of several is asked.
    private func client(_ urls: String..., limit: Duration = .seconds(40)) throws -> CoordinatorClient {
        var client = CoordinatorClient(
            try CoordinatorURLs(urls.joined(separator: ",")), token: Secret("t0ken"),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        client.limit = limit
        return client
    }

    private func register(_ client: CoordinatorClient) async -> Result<MemberRegistered, CoordinatorClient.Failure> {
        do throws(CoordinatorClient.Failure) {
            return .success(try await client.register(self.registration))
        } catch {
            return .failure(error)
        }
    }

    @Test(arguments: [307, 308])
    func `A standby's redirect is followed with method, body and token, and the leader remembered`(
        status: Int
    ) async throws {
        try await LoopbackServer.run(.status(200, Self.registered)) { leader, leading in
            try await LoopbackServer.run(.redirect(status, location: leader + "/v1/members")) { standby, standing in
                let client = try self.client(standby)
                for _ in 0..<3 { #expect(try await client.register(self.registration).incarnation == 1) }
                #expect(standing.received.count == 1)
                #expect(leading.received.count == 3)
                let first = try #require(leading.received.first)
                #expect(first.head.method == .POST && first.head.uri == "/v1/members")
                #expect(first.head.headers["authorization"] == ["Bearer t0ken"])
                #expect(first.body == standing.received.first?.body && !first.body.isEmpty)
            }
        }
    }

    @Test func `A leader that is remembered and dies is left for those that are configured`() async throws {
        let isLeader = Mutex(false)
        var client: CoordinatorClient?
        let dead = Mutex("")
        try await LoopbackServer.run(
            { _ in
                isLeader.withLock { $0 }
                    ? .status(200, Self.registered)
                    : .redirect(307, location: dead.withLock { $0 } + "/v1/members")
            },
            { standby, _ in
                try await LoopbackServer.run(.status(200, Self.registered)) { leader, _ in
                    dead.withLock { $0 = leader }
                    client = try self.client(standby)
                    _ = try await client?.register(self.registration)
                }
                isLeader.withLock { $0 = true }
                let answer = try await client?.register(self.registration)
                #expect(answer?.incarnation == 1)
            })
    }

    @Test func `Of the cluster the leader's word counts, and without it a standby's`() async throws {
        func told(standby: String?) throws -> String {
            let view = ClusterView(
                leader: "b", generatedAt: Date(timeIntervalSince1970: 0), applications: [], members: [], slots: [],
                lanes: [], standby: standby)
            return String(decoding: try ClusterJSON.encoder().encode(view), as: UTF8.self)
        }
        try await LoopbackServer.run(.status(200, try told(standby: "a"))) { standby, _ in
            try await LoopbackServer.run(.status(200, try told(standby: nil))) { leader, leading in
                let client = try self.client(standby, leader)
                for _ in 0..<3 { #expect(try await client.cluster().standby == nil) }
                #expect(leading.received.count == 3)
            }
            #expect(try await self.client(standby).cluster().standby == "a")
        }
    }

    @Test(arguments: [502, 503, 504])
    func `One that can't serve is passed over`(status: Int) async throws {
        try await LoopbackServer.run(.status(status, "")) { idle, _ in
            try await LoopbackServer.run(.status(200, Self.registered)) { leader, _ in
                let client = try self.client(idle, leader)
                #expect(try await client.register(self.registration).incarnation == 1)
            }
        }
    }

    @Test func `When nobody leads, what the last one said is told`() async throws {
        let problem = String(
            decoding: try ClusterJSON.encoder().encode(Problem(.unavailable, "nobody leads")), as: UTF8.self)
        try await LoopbackServer.run(.status(503, problem)) { first, one in
            try await LoopbackServer.run(.status(503, problem)) { second, other in
                let client = try self.client(first, second)
                guard case .failure(let failure) = await self.register(client) else {
                    Issue.record("registered")
                    return
                }
                #expect(failure.code == .unavailable && failure.message.contains("nobody leads"))
                #expect(failure.message.contains(second) && !failure.message.contains("t0ken"))
                #expect(one.received.count == 1 && other.received.count == 1)
            }
        }
    }

    @Test func `What the leader refuses is not asked of others`() async throws {
        let problem = String(
            decoding: try ClusterJSON.encoder().encode(Problem(.staleIncarnation, "over")), as: UTF8.self)
        try await LoopbackServer.run(.status(409, problem)) { leader, _ in
            try await LoopbackServer.run(.status(200, Self.registered)) { other, others in
                let client = try self.client(leader, other)
                guard case .failure(let failure) = await self.register(client) else {
                    Issue.record("registered")
                    return
                }
                #expect(failure.code == .staleIncarnation)
                #expect(others.received.isEmpty)
            }
        }
    }

    @Test func `One that nobody listens at costs no time`() async throws {
        let closed = "http://127.0.0.1:\(try quietPort())"
        try await LoopbackServer.run(.status(200, Self.registered)) { leader, leading in
            let client = try self.client(closed, leader)
            for _ in 0..<2 { #expect(try await client.register(self.registration).incarnation == 1) }
            #expect(leading.received.count == 2)
        }
    }

    @Test func `A silent coordinator leaves time for the next, which is asked not to hold its answer`() async throws {
        try await LoopbackServer.run(.silence) { frozen, frozenServer in
            try await LoopbackServer.run(.status(200, Self.desired)) { leader, leading in
                let client = try self.client(frozen, leader, limit: .seconds(7))
                let renewal = LeaseRenewal(incarnation: 1, appliedVersion: 7, waitMilliseconds: 200)
                #expect(try await client.renew(renewal, member: "a").version == 7)
                #expect(try await client.renew(renewal, member: "a").version == 7)
                #expect(frozenServer.received.count == 1)
                let holds = try leading.received.map {
                    try ClusterJSON.decoder().decode(LeaseRenewal.self, from: Data($0.body.utf8)).waitMilliseconds
                }
                #expect(holds == [0, 200])
            }
        }
    }

    @Test func `Silence everywhere ends with the call's own deadline`() async throws {
        try await LoopbackServer.run(.silence) { first, _ in
            try await LoopbackServer.run(.silence) { second, _ in
                try await LoopbackServer.run(.silence) { third, _ in
                    let client = try self.client(first, second, third, limit: .seconds(3))
                    let start = ContinuousClock.now
                    guard case .failure(let failure) = await self.register(client) else {
                        Issue.record("registered")
                        return
                    }
                    #expect(failure.code == .unavailable)
                    let taken = start.duration(to: .now)
                    #expect(taken >= .milliseconds(2900) && taken < .seconds(10), "\(taken)")
                }
            }
        }
    }

    @Test func `Standbys that name each other are left after one round`() async throws {
        let other = Mutex("")
        try await LoopbackServer.run(
            { .redirect(307, location: other.withLock { $0 } + $0.head.uri) },
            { first, one in
                try await LoopbackServer.run({ .redirect(307, location: first + $0.head.uri) }) { second, two in
                    other.withLock { $0 = second }
                    let client = try self.client(first, second)
                    guard case .failure(let failure) = await self.register(client) else {
                        Issue.record("registered")
                        return
                    }
                    #expect(failure.code == .unavailable && failure.message.contains("circle"))
                    #expect(one.received.count == 1 && two.received.count == 1)
                }
            })
    }

    @Test(arguments: ["ftp://127.0.0.1/v1/members", "/v1/members", "http://u:p@127.0.0.1/v1/members"])
    func `A hostile Location is passed over for the next coordinator`(location: String) async throws {
        try await LoopbackServer.run(.redirect(307, location: location)) { hostile, _ in
            try await LoopbackServer.run(.status(200, Self.registered)) { leader, _ in
                let client = try self.client(hostile, leader)
                #expect(try await client.register(self.registration).incarnation == 1)
                let alone = try self.client(hostile)
                guard case .failure(let failure) = await self.register(alone) else {
                    Issue.record("registered")
                    return
                }
                #expect(failure.code == .unavailable && failure.message.contains("not followed"))
            }
        }
    }

    @Test(arguments: [301, 302, 303])
    func `Redirects that change the method are not followed`(status: Int) async throws {
        try await LoopbackServer.run(.status(200, Self.registered)) { leader, leading in
            try await LoopbackServer.run(.redirect(status, location: leader + "/v1/members")) { standby, _ in
                let client = try self.client(standby)
                guard case .failure(let failure) = await self.register(client) else {
                    Issue.record("registered")
                    return
                }
                #expect(failure.code == .refused)
                #expect(leading.received.isEmpty)
            }
        }
    }
}
