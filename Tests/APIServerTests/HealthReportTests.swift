import ClusterAPI
import Foundation
import Logging
import Testing

@testable import APIServer

@Suite("Health report")
struct HealthReportTests {
    private let date = Date(timeIntervalSince1970: 1_700_000_000)

    @Test func `It is as good as its worst check, sorted by name`() {
        let good = HealthReport.Check(name: "b", status: .ok, latencyMilliseconds: 1)
        let bad = HealthReport.Check(name: "a", status: .unavailable, latencyMilliseconds: 2)
        #expect(HealthReport(checks: [], checkedAt: self.date).status == .ok)
        #expect(HealthReport(checks: [good], checkedAt: self.date).status == .ok)
        let report = HealthReport(checks: [good, bad], checkedAt: self.date)
        #expect(report.status == .unavailable && report.checks == [bad, good])
    }

    @Test func `Its JSON has the contract's names`() throws {
        let report = HealthReport(
            checks: [.init(name: "redis", status: .ok, latencyMilliseconds: 0.5)], checkedAt: self.date)
        #expect(
            String(decoding: try ClusterJSON.encoder().encode(report), as: UTF8.self)
                == #"{"checkedAt":"2023-11-14T22:13:20Z","checks":[{"latencyMilliseconds":0.5,"name":"redis","status":"ok"}],"status":"ok"}"#
        )
    }

    @Test func `Checks run at the same time`() async {
        // Each waits for the other: one after the other they would never end.
        let first = AsyncStream.makeStream(of: Void.self)
        let second = AsyncStream.makeStream(of: Void.self)
        let checks = HealthChecks(
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            checks: [
                "first": {
                    first.continuation.finish()
                    for await _ in second.stream {}
                },
                "second": {
                    second.continuation.finish()
                    for await _ in first.stream {}
                },
            ])
        let report = await checks.report()
        #expect(report.status == .ok && report.checks.map(\.name) == ["first", "second"])
    }
}
