import ClusterAPI
import Foundation
import Gateway
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import LocalStack
@testable import Sandbox

extension WholeFleets.RunningTests {
    /// What the coordinator's HTTP interface answers to those who get it wrong.
    @Test func `The coordinator refuses what is not well formed, each with a problem object`() async throws {
        let fleet = try Fleet.running
        let members = try fleet.url("coordinator", "/v1/members")
        let token = "Bearer \(fleet.secrets.member)"
        func post(_ url: String, _ body: JSONValue) async throws -> HTTPAnswer {
            try await HTTP.call("POST", url, authorization: token, body)
        }

        for (what, bytes) in [
            ("nothing", ""), ("no JSON", "{"), ("a list", "[]"), ("NUL", "\0"),
            ("deep", String(repeating: "[", count: 100_000)),
        ] {
            let answer = try await HTTP.call("POST", members, authorization: token, bytes: ByteBuffer(string: bytes))
            #expect(answer.isProblem(400, "bad_request"), "\(what): \(answer)")
        }
        for authorization in [nil, "Bearer wrong", "Basic \(fleet.secrets.member)"] {
            let answer = try await HTTP.call("POST", members, authorization: authorization, ["id": "x"])
            #expect(answer.isProblem(401, "unauthorized"), "\(answer)")
            #expect(answer.headers.first(name: "www-authenticate") == "Bearer")
        }
        let another = try await HTTP.call(
            "POST", members, authorization: "Bearer \(fleet.secrets.operator)", ["id": "x"])
        #expect(another.isProblem(403, "forbidden"), "\(another)")
        for path in ["/", "/v1/nothing", "/v1/members/a/b/c", "/%2e%2e/etc/passwd"] {
            let answer = try await HTTP.call("GET", try fleet.url("coordinator", path), authorization: token)
            #expect(answer.isProblem(404, "not_found"), "\(path): \(answer)")
        }
        for id in ["", "a b", "a/b", "é", String(repeating: "a", count: 65)] {
            let answer = try await post(
                members, ["id": .string(id), "kind": "shard", "capacity": 1, "zone": "z", "version": "1"])
            #expect(answer.isProblem(400, "bad_request"), "\(id): \(answer)")
        }
        let capacity = try await post(
            members, ["id": "a", "kind": "shard", "capacity": 0, "zone": "z", "version": "1"])
        #expect(capacity.isProblem(400, "bad_request"))
        let kind = try await post(members, ["id": "a", "kind": "king", "capacity": 1, "zone": "z", "version": "1"])
        #expect(kind.isProblem(400, "bad_request"))

        let renewal: JSONValue = [
            "incarnation": 0, "appliedVersion": 0, "waitMilliseconds": 0, "slots": [], "lanes": [], "draining": false,
        ]
        for member in ["shard-0", "nobody"] {
            let stale = try await post("\(members)/\(member)/lease", renewal)
            #expect(stale.isProblem(409, "stale_incarnation"), "\(stale)")
        }
        // It goes on, and nobody has lost anything.
        _ = try await fleet.settled()
    }

    @Test func `The coordinator reads no more of a body than it has to`() async throws {
        let fleet = try Fleet.running
        let answer = try await HTTP.call(
            "POST", try fleet.url("coordinator", "/v1/members"), authorization: "Bearer \(fleet.secrets.member)",
            bytes: ByteBuffer(repeating: UInt8(ascii: " "), count: (4 << 20) + 1))
        #expect(answer.isProblem(413, "payload_too_large"), "\(answer)")
    }

    @Test func `The API server refuses what it does not know`() async throws {
        let fleet = try Fleet.running
        let query = try await HTTP.get(try fleet.url("api", "/api/v1/cluster?limit=5"))
        #expect(query.isProblem(400, "bad_request") && query.text.contains("limit"), "\(query)")
        let nothing = try await HTTP.get(try fleet.url("api", "/api/v1/nothing"))
        #expect(nothing.isProblem(404, "not_found"), "\(nothing)")
        let escape = try await HTTP.get(try fleet.url("api", "/%2e%2e/%2e%2e/Package.swift"))
        #expect([400, 404].contains(escape.status), "\(escape)")
    }

    @Test func `A wrong database password is told, never shown`() async throws {
        let fleet = try Fleet.running
        let port = try fleet.port("postgres")
        let migration = try Programs.start(
            "migrate", ["FLOTILLA_DATABASE_URL": "postgres://flotilla:hunter2hunter2@127.0.0.1:\(port)/flotilla"])
        let status = try await migration.exitStatus(within: .seconds(30))
        #expect(status != 0)
        #expect(migration.output.contains("password authentication failed"), "\(migration.output)")
        #expect(!migration.output.contains("hunter2hunter2"))
    }

    @Test func `A coordinator whose broker is away says so, and is ready once it is there`() async throws {
        let fleet = try Fleet.running
        try await withDatabase { database in
            let port = try quietPort()
            let operations = try quietPort()
            let coordinator = try Programs.start(
                "coordinator",
                [
                    "FLOTILLA_DATABASE_URL": database,
                    "FLOTILLA_AMQP_URL": "amqp://flotilla:\(fleet.secrets.amqpAdministrator)@127.0.0.1:\(port)/",
                    "FLOTILLA_HTTP_PORT": "\(try quietPort())", "FLOTILLA_OPERATIONS_PORT": "\(operations)",
                    "FLOTILLA_MEMBER_TOKEN": "member", "FLOTILLA_OPERATOR_TOKEN": "operator",
                    "FLOTILLA_DISCORD_TOKEN": fleet.secrets.bot,
                    "FLOTILLA_DISCORD_API_URL": try fleet.url("sandbox", "/api/v10"),
                ])
            let readiness = "http://127.0.0.1:\(operations)/readyz"
            try await coordinator.wait(forPort: operations)
            var answer: HTTPAnswer?
            try await eventually(within: .seconds(20), "the broker's absence as the only reason") {
                answer = try await HTTP.get(readiness)
                let lines = answer?.text.split(separator: "\n") ?? []
                return lines.count == 1 && lines[0].hasPrefix("broker: ") && lines[0] != "broker: starting"
            }
            #expect(
                answer?.status == 503 && answer?.text.contains("127.0.0.1:\(port)") == true,
                "\(String(describing: answer))")
            #expect(coordinator.isRunning)

            let relay = FaultProxy(port: try fleet.port("rabbitmq"))
            try await relay.start(port: port)
            try await eventually(within: .seconds(30), "readiness") {
                answer = try await HTTP.get(readiness)
                return answer?.status == 200
            }
            #expect(!coordinator.output.contains(fleet.secrets.amqpAdministrator))
            coordinator.signal(SIGTERM)
            #expect(try await coordinator.exitStatus(within: .seconds(15)) == 0)
            await relay.stop()
        }
    }
}
