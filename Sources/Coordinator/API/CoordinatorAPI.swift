import ClusterAPI
import Discord
import Foundation
import HTTPAPI
import Hummingbird
import Logging
import NIOCore
import NIOFoundationCompat
import Runtime

/// The coordinator's HTTP interface for members and operators (`Resources/openapi.json`). While another coordinator
/// leads it answers reads out of the database, and sends everything else there.
struct CoordinatorAPI: Sendable {
    /// A renewal of 2,500 slots with long session ids stays well below this.
    static let mostBodyBytes = 4 << 20

    let callers: Callers
    let leadership: Leadership
    let standby: Standby
    let records: ClusterRecords
    let openAPI: ByteBuffer
    /// How long a member's attendance is held.
    let attendance: Duration
    let logger: Logger

    func addRoutes(to router: Router<BasicRequestContext>) {
        router.add(middleware: ProblemMiddleware(logger: self.logger))
        router.get("openapi.json") { request, _ in
            _ = try QueryParameters(request)
            return Self.json(self.openAPI)
        }
        self.addMemberRoutes(to: router.group("v1"))
        self.addReads(to: router.group("v1"))
        router.group("v1").post("operations") { request, _ in
            let caller = try self.callers.requireOperator(request)
            return try await self.leading(request) { term in
                let operation: OperatorRequest = try await self.body(of: request)
                guard caller.may(operation.dryRun == true ? .view : .operate) else {
                    throw Problem(
                        .forbidden, "\(caller.name) may only look: a token with role operate is expected, or dryRun")
                }
                return try self.answer(try await term.keeper.operate(operation, by: caller.name))
            }
        }
    }

    private func addMemberRoutes(to router: RouterGroup<BasicRequestContext>) {
        router.post("members") { request, context in
            try self.callers.requireMember(request)
            return try await self.leading(request) { term in
                let registration: MemberRegistration = try await self.body(of: request)
                guard MemberRegistration.isValid(id: registration.id) else {
                    throw Problem(.badRequest, "id: 1 to 64 letters, digits, dots, underscores or hyphens are expected")
                }
                guard (1...100_000).contains(registration.capacity) else {
                    throw Problem(.badRequest, "capacity: a whole number from 1 to 100000 is expected")
                }
                return try self.answer(try await term.keeper.register(registration))
            }
        }
        router.post("members/:id/lease") { request, context in
            try self.callers.requireMember(request)
            return try await self.leading(request) { term in
                let renewal = try await self.renewal(of: request)
                let id = try context.parameters.require("id")
                let desired = try await term.keeper.renew(id, renewal)
                return Self.json(try term.answers.body(for: id, incarnation: renewal.incarnation, desired))
            }
        }
        router.post("members/:id/attendance") { request, context in
            try self.callers.requireMember(request)
            return try await self.leading(request) { term in
                try await MemberAttendance.hold(
                    try context.parameters.require("id"), request, term, for: self.attendance,
                    read: { try self.read($0) })
                return Response(status: .noContent, headers: [.connection: "close"])
            }
        }
        router.post("members/:id/leave") { request, context in
            try self.callers.requireMember(request)
            return try await self.leading(request) { term in
                let final: LeaseRenewal = try await self.body(of: request)
                try await term.keeper.leave(try context.parameters.require("id"), final)
                return Response(status: .noContent)
            }
        }
        router.post("permits") { request, _ in
            try self.callers.requireMember(request)
            return try await self.leading(request) { term in
                try self.answer(try await term.keeper.permit(try await self.body(of: request)))
            }
        }
    }

    private func addReads(to router: RouterGroup<BasicRequestContext>) {
        router.get("cluster") { request, _ in
            _ = try self.callers.caller(of: request)
            _ = try QueryParameters(request)
            guard let term = self.leadership.term else { return try self.answer(try await self.standby.view()) }
            return try self.answer(term.keeper.view())
        }
        router.get("leader") { request, _ in
            _ = try self.callers.caller(of: request)
            _ = try QueryParameters(request)
            guard let term = self.leadership.term else { return try self.answer(try await self.standby.leader()) }
            return try self.answer(
                LeaderView(holder: term.lease.holder, url: term.url, epoch: term.lease.epoch, isThis: true))
        }
        router.get("audit") { request, _ in
            _ = try self.callers.requireOperator(request)
            let query = try QueryParameters(request, known: ["limit", "cursor", "actor", "action", "application"])
            return try self.answer(
                try await self.records.audit(
                    limit: try Self.limit(query), before: try query["cursor"].map(PageCursor.id),
                    actor: query["actor"], action: query["action"], application: try Self.application(query)))
        }
        router.get("gaps") { request, _ in
            _ = try self.callers.requireOperator(request)
            let query = try QueryParameters(request, known: ["limit", "cursor", "application"])
            return try self.answer(
                try await self.records.gaps(
                    limit: try Self.limit(query), before: try query["cursor"].map(PageCursor.id),
                    application: try Self.application(query)))
        }
        router.get("changes") { request, _ in
            _ = try self.callers.requireOperator(request)
            let query = try QueryParameters(request, known: ["cursor", "wait"])
            let cursor = try query["cursor"].map(ChangeLog.Cursor.init)
            let longest = Int(ChangeFeed.longestWait / .milliseconds(1))
            let wait = try query.int("wait", default: 0, in: 0...longest)
            return try await self.leading(request) { term in
                try self.answer(try await term.feed.page(after: cursor, wait: .milliseconds(wait)))
            }
        }
    }

    private static func limit(_ query: QueryParameters) throws -> Int {
        try query.int("limit", default: 100, in: 1...ClusterRecords.mostItems)
    }

    private static func application(_ query: QueryParameters) throws -> Snowflake? {
        guard let text = query["application"] else { return nil }
        guard let number = UInt64(text) else {
            throw Problem(.badRequest, "application: an application's id, a whole number, is expected")
        }
        return Snowflake(rawValue: number)
    }

    /// What only the leader can do.
    private func leading(
        _ request: Request, _ body: (Leadership.Term) async throws -> Response
    ) async throws -> Response {
        guard let term = self.leadership.term else { return try await self.standby.redirect(request) }
        return try await body(term)
    }

    private func renewal(of request: Request) async throws -> LeaseRenewal {
        let buffer = try await self.bytes(of: request)
        return try buffer.withUnsafeReadableBytes { LeaseRenewal(slicing: $0) } ?? self.read(buffer)
    }

    private func body<Body: Decodable>(of request: Request) async throws -> Body {
        try self.read(try await self.bytes(of: request))
    }

    private func bytes(of request: Request) async throws -> ByteBuffer {
        do {
            return try await request.body.collect(upTo: Self.mostBodyBytes)
        } catch is NIOTooManyBytesError {
            throw Problem(.payloadTooLarge, "the body is larger than \(Self.mostBodyBytes) bytes")
        }
    }

    private func read<Body: Decodable>(_ buffer: ByteBuffer) throws -> Body {
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
        Self.json(ByteBuffer(data: try ClusterJSON.encoder().encode(value)))
    }

    private static func json(_ body: ByteBuffer) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: .init(byteBuffer: body))
    }
}
