import ClusterAPI
import ClusterClient
import Foundation
import Testing

@testable import APIServer

@Suite("Routes of the API server", .timeLimit(.minutes(1)))
struct APIRoutesTests {
    private struct Broken: Error, CustomStringConvertible {
        let description = "password of the inside"
    }

    @Test func `The cluster is what the coordinator says`() async throws {
        try await APIServerUnderTest.run { api in
            let answer = try await api.get("/api/v1/cluster")
            #expect(answer.status == 200 && answer.headers["content-type"] == "application/json")
            #expect(answer.headers["cache-control"] == "no-store")
            #expect(try ClusterJSON.decoder().decode(ClusterView.self, from: Data(answer.text.utf8)) == .sample)
        }
    }

    @Test func `Without a coordinator the cluster is a 503 that says when to ask again`() async throws {
        try await APIServerUnderTest.run(cluster: { () throws(CoordinatorClient.Failure) in throw .away }) { api in
            let answer = try await api.get("/api/v1/cluster")
            #expect(answer.status == 503 && answer.headers["content-type"] == "application/problem+json")
            #expect(answer.headers["retry-after"] != nil && answer.object["code"] as? String == "unavailable")
        }
    }

    @Test func `Health is 200 only while everything answers, and tells nothing of the inside`() async throws {
        try await APIServerUnderTest.run(checks: ["redis": {}, "coordinator": {}]) { api in
            let answer = try await api.get("/api/v1/health")
            #expect(answer.status == 200 && answer.object["status"] as? String == "ok")
            let checks = answer.object["checks"] as? [[String: Any]]
            #expect(checks?.map { $0["name"] as? String } == ["coordinator", "redis"])
        }
        try await APIServerUnderTest.run(checks: ["redis": { throw Broken() }, "coordinator": {}]) { api in
            let answer = try await api.get("/api/v1/health")
            #expect(answer.status == 503 && answer.object["status"] as? String == "unavailable")
            let checks = answer.object["checks"] as? [[String: Any]]
            #expect(checks?.map { $0["status"] as? String } == ["ok", "unavailable"])
            #expect(!answer.text.contains("inside"))
        }
    }

    @Test(arguments: ["/api/v1/cluster?limit=1", "/api/v1/health?verbose", "/api/v1/cluster?%00=1"])
    func `A query parameter that does nothing is refused`(path: String) async throws {
        try await APIServerUnderTest.run { api in
            let answer = try await api.get(path)
            #expect(answer.status == 400 && answer.headers["content-type"] == "application/problem+json")
            #expect(answer.object["code"] as? String == "bad_request")
        }
    }

    @Test func `Paths and methods that are none get a problem`() async throws {
        try await APIServerUnderTest.run { api in
            for (method, path) in [
                ("GET", "/api/v1/nothing"), ("GET", "/nothing.html"), ("POST", "/api/v1/cluster"), ("DELETE", "/"),
            ] {
                let answer = try await api.call(method, path)
                #expect(
                    answer.status == 404 && answer.headers["content-type"] == "application/problem+json",
                    "\(method) \(path)")
                #expect(answer.object["code"] as? String == "not_found")
            }
        }
    }

    @Test func `Every answer carries the security headers and its time`() async throws {
        try await APIServerUnderTest.run { api in
            for path in ["/", "/api/v1/cluster", "/openapi.json", "/nothing", "/api/v1/cluster?a=b"] {
                let headers = try await api.get(path).headers
                #expect(headers["content-security-policy"]?.contains("default-src 'self'") == true, "\(path)")
                #expect(headers["content-security-policy"]?.contains("frame-ancestors 'none'") == true, "\(path)")
                #expect(
                    headers["x-content-type-options"] == "nosniff" && headers["referrer-policy"] == "no-referrer",
                    "\(path)")
                #expect(headers["x-process-time"]?.wholeMatch(of: /[0-9.e-]+ ms/) != nil, "\(path)")
            }
        }
    }

    @Test func `The contract names every route that is served`() async throws {
        try await APIServerUnderTest.run { api in
            let contract = try await api.get("/openapi.json")
            #expect(contract.status == 200 && (contract.object["openapi"] as? String)?.hasPrefix("3.1.") == true)
            let paths = try #require(contract.object["paths"] as? [String: Any])
            #expect(paths["/api/v1/cluster"] != nil && paths["/api/v1/health"] != nil)
            for path in paths.keys where !path.contains("{") {
                let answer = try await api.get(path)
                #expect(answer.status != 404, "\(path)")
            }
        }
    }

    @Test func `The dashboard is served, and nothing outside of its folder`() async throws {
        try await APIServerUnderTest.run { api in
            let page = try await api.get("/")
            #expect(page.status == 200 && page.headers["content-type"]?.hasPrefix("text/html") == true)
            #expect(page.text.contains("<title>Flotilla</title>"))
            for path in [
                "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc/passwd", "/%2e%2e%2f%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            ] {
                let answer = try await api.get(path)
                #expect([400, 404].contains(answer.status), "\(path)")
            }
        }
    }
}
