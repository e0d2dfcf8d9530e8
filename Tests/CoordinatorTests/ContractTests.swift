import ClusterAPI
import CoordinatorCore
import Discord
import Foundation
import Hummingbird
import NIOCore
import Postgres
import Runtime
import TestSupport
import Testing

@testable import Coordinator

@Suite("The coordinator's contract", .timeLimit(.minutes(1)))
struct ContractTests {
    private static let date = Date(timeIntervalSince1970: 1_700_000_000)
    private static let slot = Slot(application: Snowflake(rawValue: 1 << 60), generation: 1, shard: 0)
    private static let session = SessionState(sessionID: "s", resumeURL: "wss://r", sequence: 1, cacheIsBehind: true)
    private static let gap = SessionGap(session: "s", after: 1, reason: "r", numShards: 1, atMilliseconds: 1)

    private func contract() throws -> OpenAPIContract {
        try OpenAPIContract(Data(try CoordinatorContract.openAPI().readableBytesView))
    }

    @Test func `It names the routes that are served, and no others`() async throws {
        let contract = try self.contract()
        try await CoordinatorDatabase.run { pool in
            let router = Router()
            CoordinatorAPI(
                callers: Callers(memberToken: Secret("m"), operators: []), leadership: Leadership(),
                standby: Standby(name: "a", policy: ClusterPolicy(), pool: pool), records: ClusterRecords(pool: pool),
                openAPI: ByteBuffer(), attendance: .seconds(1), logger: CoordinatorDatabase.logger
            ).addRoutes(to: router)
            #expect(Set(router.routes.map(\.description)) == contract.operations)
        }
        for operation in contract.operations { #expect(contract.callers(of: operation) != nil) }
        #expect(contract.callers(of: "POST /v1/permits") == ["member"])
        #expect(contract.callers(of: "GET /v1/audit") == ["view", "operate"])
        #expect(contract.callers(of: "GET /openapi.json") == [])
    }

    private func compare<Value: Encodable>(_ schema: String, everything: Value, bare: Value?) throws {
        let contract = try self.contract()
        #expect(emptyPlaces(of: everything).isEmpty, "\(schema)")
        let encoded = try ClusterJSON.encoder().encode(everything)
        #expect(try contract.mistakes(in: encoded, schema: schema, isComplete: true) == [])
        if let bare {
            let encoded = try ClusterJSON.encoder().encode(bare)
            #expect(try contract.mistakes(in: encoded, schema: schema, isComplete: false) == [])
        }
    }

    @Test func `It describes every value that operators see, and no others`() throws {
        try self.compare("Cluster", everything: ClusterView.everything, bare: .bare)
        try self.compare(
            "OperatorRequest",
            everything: OperatorRequest(
                .move, application: Self.slot.application, shard: 0, generation: 1, member: "a", shards: 4,
                dryRun: true, force: true), bare: OperatorRequest(.rebalance))
        let preview = ReshardPreview(
            application: Self.slot.application, fromShards: 1, toShards: 2, identifies: 2, sessionStartsLeft: 3,
            seconds: 10, guildsPerShard: 5, problems: ["p"])
        let plan = PlanPreview(
            moves: [.init(slot: Self.slot, from: "a", to: "b")], members: [.init(member: "a", before: 1, after: 2)],
            resumes: 1, identifies: 0, sessionStartsLeft: 3, notes: ["n"])
        try self.compare(
            "OperatorAnswer", everything: OperatorAnswer(message: "m", plan: plan, reshard: preview),
            bare: OperatorAnswer(
                message: "m",
                plan: PlanPreview(
                    moves: [.init(slot: Self.slot, from: nil, to: nil)], members: [], resumes: 0, identifies: 0,
                    sessionStartsLeft: nil, notes: [])))
        try self.compare(
            "ReshardPreview", everything: preview,
            bare: ReshardPreview(
                application: Self.slot.application, fromShards: 1, toShards: 1, identifies: 0, sessionStartsLeft: nil,
                seconds: 0, guildsPerShard: nil, problems: []))
        let entry = AuditEntry(at: Self.date, actor: "a", action: "drain", target: "t", detail: "d")
        try self.compare(
            "AuditPage", everything: AuditPage(items: [entry], nextCursor: "c"),
            bare: AuditPage(items: [], nextCursor: nil))
        try self.compare(
            "GapPage",
            everything: GapPage(items: [.init(slot: Self.slot, gap: Self.gap, member: "a")], nextCursor: "c"),
            bare: GapPage(items: [], nextCursor: nil))
        let changes = ClusterChange.Kind.allCases.map {
            ClusterChange(at: Self.date, kind: $0, target: "t", detail: "d")
        }
        try self.compare(
            "ChangePage", everything: ChangePage(changes: changes, cursor: "1-2", isReset: false), bare: nil)
        try self.compare(
            "LeaderView", everything: LeaderView(holder: "a", url: "u", epoch: 1, isThis: true),
            bare: LeaderView(holder: nil, url: nil, epoch: 0, isThis: false))
        for code: Problem.Code in [
            .badRequest, .unauthorized, .forbidden, .notFound, .staleIncarnation, .payloadTooLarge, .tooManyRequests,
            .internal, .unavailable,
        ] {
            try self.compare("Problem", everything: Problem(code, "d"), bare: nil)
        }
        for name in OperatorRequest.Name.allCases {
            let encoded = try ClusterJSON.encoder().encode(OperatorRequest(name))
            #expect(try self.contract().mistakes(in: encoded, schema: "OperatorRequest", isComplete: false) == [])
        }
    }

    @Test func `It describes every value that members see, and no others`() throws {
        try self.compare(
            "MemberRegistration",
            everything: MemberRegistration(
                id: "a", kind: .shard, capacity: 1, zone: "z", version: "v", process: "p", attempt: 1),
            bare: MemberRegistration(id: "a", kind: .shard, capacity: 1, zone: "z", version: "v"))
        try self.compare(
            "MemberRegistered",
            everything: MemberRegistered(
                incarnation: 1, leaseMilliseconds: 1, renewMilliseconds: 1, exchange: "e", controlQueue: "q"),
            bare: MemberRegistered(incarnation: 1, leaseMilliseconds: 1, renewMilliseconds: 1, exchange: "e"))
        let observed = ObservedSlot(
            slot: Self.slot, epoch: 1, status: .failed, session: Self.session, guilds: 1, eventsPerSecond: 1.5,
            bytesPerSecond: 1, latencyMilliseconds: 1, reason: "r", closeCode: 4004, gaps: [Self.gap],
            unsettledMilliseconds: 1, acknowledgedMilliseconds: 1)
        try self.compare(
            "LeaseRenewal",
            everything: LeaseRenewal(
                incarnation: 1, appliedVersion: 1, waitMilliseconds: 1, slots: [observed], lanes: [1], draining: true,
                number: 1),
            bare: LeaseRenewal(
                incarnation: 1, appliedVersion: 0, waitMilliseconds: 0,
                slots: [ObservedSlot(slot: Self.slot, epoch: 1, status: .starting)]))
        try self.compare(
            "DesiredState",
            everything: DesiredState(
                version: 1,
                slots: [
                    SlotGrant(
                        slot: Self.slot, numShards: 1, epoch: 1, intents: 1, gatewayURL: "u", session: Self.session,
                        guilds: 1, followsUnknownSession: true)
                ], lanes: [LaneGrant(lane: 0, role: .primary), LaneGrant(lane: 1, role: .standby)],
                publishing: [
                    .init(application: Self.slot.application, generation: 1, lanes: [0], cached: [0], commands: true)
                ],
                restart: true),
            bare: DesiredState(
                version: 0,
                slots: [
                    SlotGrant(slot: Self.slot, numShards: 1, epoch: 1, intents: 1, gatewayURL: "u", session: nil)
                ], lanes: []))
        try self.compare(
            "PermitRequest",
            everything: PermitRequest(member: "a", incarnation: 1, slot: Self.slot, epoch: 1), bare: nil)
        try self.compare(
            "PermitAnswer",
            everything: PermitAnswer(validMilliseconds: 1, retryAfterMilliseconds: 1, reason: "r"),
            bare: PermitAnswer(validMilliseconds: nil, retryAfterMilliseconds: nil, reason: nil))
    }
}
