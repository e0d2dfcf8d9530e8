import ClusterAPI
import ClusterClient
import Foundation
import HTTPAPI
import Hummingbird
import NIOCore
import NIOFoundationCompat
import Runtime

/// `/api/v1` and `/openapi.json`. Anyone who reaches the listener, on loopback unless told otherwise, may read them.
struct APIRoutes: Sendable {
    let cluster: Cached<ClusterView>
    let health: @Sendable () async -> HealthReport
    let openAPI: ByteBuffer

    func add(to router: Router<BasicRequestContext>) {
        router.get("openapi.json") { _, _ in Self.json(self.openAPI) }
        let v1 = router.group("api/v1")
        v1.get("health") { request, _ in
            try Self.refuseQuery(request)
            let report = await self.health()
            return try Self.answer(report, status: report.status == .ok ? .ok : .serviceUnavailable)
        }
        v1.get("cluster") { request, _ in
            try Self.refuseQuery(request)
            do {
                return try Self.answer(try await self.cluster.value())
            } catch let failure as CoordinatorClient.Failure {
                throw Problem(.unavailable, "the coordinator can't be asked now: \(failure.message)")
            }
        }
    }

    /// A parameter that does nothing is a caller's mistake.
    private static func refuseQuery(_ request: Request) throws {
        if let first = request.uri.queryParameters.first {
            throw Problem(.badRequest, "query parameter \(first.key) is not known here; none is expected")
        }
    }

    private static func answer(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        self.json(ByteBuffer(data: try ClusterJSON.encoder().encode(value)), status: status)
    }

    private static func json(_ body: ByteBuffer, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: .init(byteBuffer: body))
    }
}
