package import Hummingbird
import NIOCore

/// `/livez`, `/readyz` and `/metrics`, for any Hummingbird router.
package enum OperationsRoutes {
    package static func add(
        to router: Router<some RequestContext>,
        health: HealthState,
        metrics: MetricRegistry
    ) {
        router.get("/livez") { _, _ in self.response(to: health.liveness) }
        router.get("/readyz") { _, _ in self.response(to: health.readiness) }
        router.get("/metrics") { _, _ in
            Response(
                status: .ok,
                headers: [.contentType: PrometheusText.contentType],
                body: .init(byteBuffer: ByteBuffer(string: metrics.prometheusText()))
            )
        }
    }

    private static func response(to report: HealthState.Report) -> Response {
        let text = report.isHealthy ? "ok\n" : report.failing.joined(separator: "\n") + "\n"
        return Response(
            status: report.isHealthy ? .ok : .serviceUnavailable,
            headers: [.contentType: "text/plain; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: text))
        )
    }
}
