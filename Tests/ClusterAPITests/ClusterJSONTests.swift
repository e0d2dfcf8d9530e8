import Discord
import Foundation
import Testing

@testable import ClusterAPI

@Suite("JSON of the cluster's interfaces")
struct ClusterJSONTests {
    private let slot = Slot(application: Snowflake(rawValue: 1_100_000_000_000_000_001), generation: 2, shard: 3)
    private let date = Date(timeIntervalSince1970: 1_700_000_000)

    private func text(_ value: some Encodable) throws -> String {
        String(decoding: try ClusterJSON.encoder().encode(value), as: UTF8.self)
    }

    private func roundTrip<Value: Codable>(_ value: Value) throws -> Value {
        try ClusterJSON.decoder().decode(Value.self, from: try ClusterJSON.encoder().encode(value))
    }

    @Test func `Snowflakes are texts, times are RFC 3339 in UTC`() throws {
        let view = ClusterView(
            leader: "coordinator-1", generatedAt: self.date,
            applications: [.init(id: self.slot.application, name: "bot", generation: 2, numShards: 4)], members: [],
            slots: [
                .init(
                    slot: self.slot, numShards: 4, epoch: 9, member: nil, status: .waitingForPermit, watermark: 17,
                    guilds: 0,
                    eventsPerSecond: 0.5, latencyMs: nil, reason: nil, updatedAt: self.date)
            ],
            lanes: [.init(lane: 0, primary: "worker-0", standby: nil)])
        #expect(
            try self.text(view)
                == #"{"applications":[{"generation":2,"id":"1100000000000000001","name":"bot","numShards":4}],"#
                + #""generatedAt":"2023-11-14T22:13:20Z","lanes":[{"lane":0,"primary":"worker-0"}],"leader":"coordinator-1","#
                + #""members":[],"slots":[{"application":"1100000000000000001","epoch":9,"eventsPerSecond":0.5,"generation":2,"#
                + #""guilds":0,"numShards":4,"shard":3,"status":"waitingForPermit","updatedAt":"2023-11-14T22:13:20Z","watermark":17}]}"#
        )
        #expect(try self.roundTrip(view) == view)
    }

    @Test func `A renewal and its answer keep everything on the way`() throws {
        let session = SessionState(sessionID: "s", resumeURL: "wss://resume", sequence: .max)
        let renewal = LeaseRenewal(
            incarnation: 3, appliedVersion: 1 << 40, waitMilliseconds: 1000,
            slots: [
                ObservedSlot(
                    slot: self.slot, epoch: 1 << 62, status: .handingOver, session: session, guilds: 2,
                    eventsPerSecond: 1.5,
                    bytesPerSecond: 2.5, latencyMilliseconds: 40, reason: "because",
                    gaps: [
                        SessionGap(
                            session: "old", after: .max, reason: "resume_attempts", numShards: 4, atMilliseconds: 1)
                    ])
            ], lanes: [0, 31], draining: true)
        #expect(try self.roundTrip(renewal) == renewal)
        let desired = DesiredState(
            version: .max,
            slots: [
                SlotGrant(
                    slot: self.slot, numShards: 4, epoch: 5, intents: .max, gatewayURL: "wss://gateway",
                    session: session)
            ], lanes: [LaneGrant(lane: 7, role: .standby)])
        #expect(try self.roundTrip(desired) == desired)
    }

    @Test(arguments: SlotStatus.allCases)
    func `Each slot status has a name that comes back`(status: SlotStatus) throws {
        #expect(try self.roundTrip([status]) == [status])
    }

    @Test(arguments: [
        "{}", "[]",
        #"{"incarnation":"1","appliedVersion":0,"waitMilliseconds":0,"slots":[],"lanes":[],"draining":false}"#,
        #"{"incarnation":1,"appliedVersion":0,"waitMilliseconds":0,"slots":[{}],"lanes":[],"draining":false}"#,
        #"{"incarnation":99999999999999999999,"appliedVersion":0,"waitMilliseconds":0,"slots":[],"lanes":[],"draining":false}"#,
    ])
    func `A renewal that is none is refused`(text: String) {
        #expect(throws: DecodingError.self) {
            try ClusterJSON.decoder().decode(LeaseRenewal.self, from: Data(text.utf8))
        }
    }

    @Test(arguments: [
        ("a", true), ("shard-0", true), ("pod.name_7-Z", true), (String(repeating: "a", count: 64), true), ("", false),
        (String(repeating: "a", count: 65), false), ("a b", false), ("a/b", false), ("é", false), ("a\n", false),
        ("a*", false), ("a#", false),
    ])
    func `A member's id is safe in an exchange's name and a path`(id: String, isValid: Bool) {
        #expect(MemberRegistration.isValid(id: id) == isValid)
    }

    @Test func `An exchange is named after one life of a member`() {
        #expect(MemberRegistered.exchange(member: "shard-0", incarnation: 12) == "gw.m.shard-0.12")
    }

    @Test(arguments: [
        (Problem.Code.badRequest, 400, "bad_request"), (.unauthorized, 401, "unauthorized"),
        (.forbidden, 403, "forbidden"),
        (.notFound, 404, "not_found"), (.staleIncarnation, 409, "stale_incarnation"),
        (.payloadTooLarge, 413, "payload_too_large"),
        (.tooManyRequests, 429, "too_many_requests"), (.internal, 500, "internal"), (.unavailable, 503, "unavailable"),
    ])
    func `A problem has the fields of RFC 9457 and a code for programs`(
        code: Problem.Code, status: Int, name: String
    ) throws {
        let problem = Problem(code, "so it is")
        let object = try #require(
            try JSONSerialization.jsonObject(with: ClusterJSON.encoder().encode(problem)) as? [String: Any])
        #expect(Set(object.keys) == ["type", "title", "status", "detail", "code"])
        #expect(
            object["status"] as? Int == status && object["code"] as? String == name
                && object["detail"] as? String == "so it is")
        #expect(try self.roundTrip(problem) == problem)
    }
}
