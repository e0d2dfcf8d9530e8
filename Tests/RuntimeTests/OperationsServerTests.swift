import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import Runtime
import ServiceLifecycle
import TestSupport
import Testing

@Suite("Operations server", .timeLimit(.minutes(1)))
struct OperationsServerTests {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func get(_ path: String, port: Int) async throws -> (status: UInt, body: String) {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)"), timeout: .seconds(5))
        return (response.status.code, String(buffer: try await response.body.collect(upTo: 1 << 20)))
    }

    @Test func `Readiness follows its conditions and metrics are served`() async throws {
        let directory = try TemporaryDirectory("operations")
        let portFile = directory.path("port")
        let reader = SettingsReader(SettingsSource(environment: ["FLOTILLA_OPERATIONS_PORT_FILE": portFile]))
        let health = HealthState(required: ["broker"])
        let metrics = MetricRegistry()
        metrics.counter("flotilla_x_total", help: "X.").increment()
        let server = OperationsServer(.init(reader), health: health, metrics: metrics, logger: self.logger)
        let group = ServiceGroup(services: [server], logger: self.logger)
        try await withThrowingTaskGroup { tasks in
            tasks.addTask { try await group.run() }
            try await eventually("the port file") { FileManager.default.fileExists(atPath: portFile) }
            let port = try #require(Int(try String(contentsOfFile: portFile, encoding: .utf8)))
            #expect(try await self.get("/livez", port: port) == (200, "ok\n"))
            #expect(try await self.get("/readyz", port: port) == (503, "broker: starting\n"))
            health.setReady("broker")
            #expect(try await self.get("/readyz", port: port) == (200, "ok\n"))
            health.setReady("broker", failing: "gone")
            #expect(try await self.get("/readyz", port: port).status == 503)
            #expect(try await self.get("/metrics", port: port).body.contains("flotilla_x_total 1"))
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    @Test func `A taken port is told by its number`() async throws {
        let port = try quietPort()
        let holder = try ChildProcess(
            "python3",
            [
                "-c",
                "import socket,time;s=socket.socket();s.bind(('127.0.0.1',\(port)));s.listen();print('up',flush=True);time.sleep(60)",
            ])
        try await holder.wait(for: "up")
        let reader = SettingsReader(SettingsSource(environment: ["FLOTILLA_OPERATIONS_PORT": "\(port)"]))
        let server = OperationsServer(
            .init(reader), health: HealthState(required: []), metrics: MetricRegistry(), logger: self.logger)
        let error = await #expect(throws: ListenerError.self) { try await server.run() }
        #expect(error?.description.contains("127.0.0.1:\(port)") == true)
        try await holder.stop()
    }
}
