import ClusterAPI
import Foundation
import HTTPAPI
import Hummingbird
import Logging
import NIOCore
import NIOFoundationCompat
import Runtime

/// The coordinator's HTTP interface. Members hold the member token, operators the operator token; either may read the
/// cluster.
struct CoordinatorAPI: Sendable {
    /// A renewal of 2,500 slots with long session ids stays well below this.
    static let mostBodyBytes = 4 << 20

    let keeper: ClusterKeeper
    let memberToken: Secret
    let operatorToken: Secret
    let logger: Logger

    func addRoutes(to router: Router<BasicRequestContext>) {
        router.add(middleware: ProblemMiddleware(logger: self.logger))
        let members = router.group("v1").add(middleware: TokenMiddleware(tokens: [self.memberToken]))
        members.post("members") { request, context in
            let registration: MemberRegistration = try await self.body(of: request)
            guard MemberRegistration.isValid(id: registration.id) else {
                throw Problem(.badRequest, "id: 1 to 64 letters, digits, dots, underscores or hyphens are expected")
            }
            guard (1...100_000).contains(registration.capacity) else {
                throw Problem(.badRequest, "capacity: a whole number from 1 to 100000 is expected")
            }
            return try self.answer(try await self.keeper.register(registration))
        }
        members.post("members/:id/lease") { request, context in
            let renewal: LeaseRenewal = try await self.body(of: request)
            return try self.answer(try await self.keeper.renew(try context.parameters.require("id"), renewal))
        }
        members.post("members/:id/leave") { request, context in
            let final: LeaseRenewal = try await self.body(of: request)
            try await self.keeper.leave(try context.parameters.require("id"), final)
            return Response(status: .noContent)
        }
        members.post("permits") { request, _ in
            try self.answer(try await self.keeper.permit(try await self.body(of: request)))
        }
        router.group("v1").add(middleware: TokenMiddleware(tokens: [self.memberToken, self.operatorToken]))
            .get("cluster") { _, _ in try self.answer(await self.keeper.view()) }
    }

    private func body<Body: Decodable>(of request: Request) async throws -> Body {
        let buffer: ByteBuffer
        do {
            buffer = try await request.body.collect(upTo: Self.mostBodyBytes)
        } catch is NIOTooManyBytesError {
            throw Problem(.payloadTooLarge, "the body is larger than \(Self.mostBodyBytes) bytes")
        }
        do {
            return try ClusterJSON.decoder().decode(Body.self, from: buffer)
        } catch {
            throw Problem(.badRequest, "the body is not a \(Body.self) in JSON: \(Self.reason(error))")
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "\(key.stringValue) is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")): \(context.debugDescription)"
        case DecodingError.dataCorrupted(let context): context.debugDescription
        default: "it can't be read"
        }
    }

    private func answer(_ value: some Encodable) throws -> Response {
        Response(
            status: .ok,
            headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(data: try ClusterJSON.encoder().encode(value))))
    }
}
