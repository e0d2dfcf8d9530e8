import AsyncHTTPClient
import ClusterAPI
import ClusterClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Runtime
import ServiceLifecycle
import TestSupport

@testable import APIServer

/// The API server's listener on a free port, with a coordinator and stores that a test plays.
struct APIServerUnderTest: Sendable {
    struct Answer {
        let status: Int
        let headers: [String: String]
        let text: String

        var object: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(self.text.utf8))) as? [String: Any] ?? [:]
        }
    }

    let url: String

    static func run(
        cluster: @escaping @Sendable () async throws(CoordinatorClient.Failure) -> ClusterView = { ClusterView.sample },
        checks: [String: @Sendable () async throws -> Void] = [:],
        _ body: @Sendable @escaping (APIServerUnderTest) async throws -> Void
    ) async throws {
        let pages = try TemporaryDirectory("pages")
        _ = try pages.write("<!doctype html><title>Flotilla</title>", to: "index.html")
        let port = try quietPort()
        let reader = SettingsReader(
            SettingsSource(environment: [
                "FLOTILLA_HTTP_PORT": "\(port)", "FLOTILLA_DASHBOARD_DIRECTORY": pages.path,
                "FLOTILLA_OPERATOR_TOKEN": "operator",
            ]))
        let settings = APIServerSettings(reader)
        let health = HealthState(required: ["http"])
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let listener = APIServerListener(
            settings: settings,
            routes: APIRoutes(
                cluster: Cached(freshness: .milliseconds(500), fetch: cluster),
                health: HealthChecks(logger: logger, checks: checks).report,
                openAPI: try OpenAPIDocument.bytes()),
            health: health, logger: logger)
        let group = ServiceGroup(services: [listener], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            try await eventually("the listener") { health.readiness.isHealthy }
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body(APIServerUnderTest(url: "http://127.0.0.1:\(port)"))) } catch {
                outcome = .failure(error)
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            try outcome.get()
        }
    }

    func call(_ method: String, _ path: String) async throws -> Answer {
        var request = HTTPClientRequest(url: self.url + path)
        request.method = .init(rawValue: method)
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(5))
        let headers = response.headers.map { ($0.name.lowercased(), $0.value) }
        return Answer(
            status: Int(response.status.code), headers: Dictionary(headers) { first, _ in first },
            text: String(buffer: try await response.body.collect(upTo: 1 << 20)))
    }

    func get(_ path: String) async throws -> Answer { try await self.call("GET", path) }
}

extension ClusterView {
    static let sample = ClusterView(
        leader: "coordinator-1", generatedAt: Date(timeIntervalSince1970: 1_700_000_000), applications: [], members: [],
        slots: [],
        lanes: [.init(lane: 0, primary: "worker-0", standby: "worker-1")])
}

extension CoordinatorClient.Failure {
    static let away = CoordinatorClient.Failure(code: .unavailable, message: "nobody answers")
}
