import Discord
import Testing

@testable import Sandbox

@Suite struct FaultFormTests {
    private func parse(_ text: String) throws -> [FaultForm.Planned] {
        try FaultForm.parse(try JSONValue(parsing: text))
    }

    private static let cases: [(String, Fault.Action)] = [
        (#"{"kind":"op7"}"#, .reconnect(grace: .seconds(3))),
        (#"{"kind":"op7","grace_ms":50}"#, .reconnect(grace: .milliseconds(50))),
        (#"{"kind":"op9"}"#, .invalidSession(isResumable: false, endsSession: true)),
        (#"{"kind":"op9","resumable":true}"#, .invalidSession(isResumable: true, endsSession: false)),
        (
            #"{"kind":"op9","resumable":true,"ends_session":true}"#,
            .invalidSession(isResumable: true, endsSession: true)
        ),
        (#"{"kind":"close"}"#, .close(nil, endsSession: false)),
        (#"{"kind":"close","code":null}"#, .close(nil, endsSession: false)),
        (#"{"kind":"close","code":1000}"#, .close(1000, endsSession: false)),
        (#"{"kind":"close","code":4000}"#, .close(4000, endsSession: false)),
        (#"{"kind":"close","code":4003}"#, .close(4003, endsSession: true)),
        (#"{"kind":"close","code":4014}"#, .close(4014, endsSession: true)),
        (#"{"kind":"close","code":4999,"ends_session":true}"#, .close(4999, endsSession: true)),
        (#"{"kind":"drop"}"#, .drop),
        (#"{"kind":"stall","for_ms":10}"#, .stall(.everything, for: .milliseconds(10))),
        (#"{"kind":"stall","for_ms":10,"what":"acks"}"#, .stall(.acknowledgements, for: .milliseconds(10))),
        (#"{"kind":"deaf","for_ms":10}"#, .stall(.dispatches, for: .milliseconds(10))),
        (#"{"kind":"slow_reads","for_ms":10}"#, .slowReads(for: .milliseconds(10))),
        (
            #"{"kind":"refuse_upgrade","for_ms":10,"entrance":"resume"}"#,
            .refuseUpgrade(status: 503, at: [.resume], for: .milliseconds(10))
        ),
        (
            #"{"kind":"refuse_upgrade","for_ms":10,"status":500}"#,
            .refuseUpgrade(status: 500, at: [.resume, .gateway], for: .milliseconds(10))
        ),
        (#"{"kind":"no_hello","for_ms":10}"#, .greet(.nothing, for: .milliseconds(10))),
        (#"{"kind":"op7_hello","for_ms":10}"#, .greet(.reconnect, for: .milliseconds(10))),
        (#"{"kind":"duplicate","count":3}"#, .duplicate(3)),
        (#"{"kind":"outage","for_ms":10}"#, .outage(percent: 100, guilds: [], for: .milliseconds(10))),
        (
            #"{"kind":"outage","for_ms":10,"guilds":["5"]}"#,
            .outage(percent: 0, guilds: [5], for: .milliseconds(10))
        ),
        (#"{"kind":"outage_over"}"#, .outageOver([])),
        (#"{"kind":"evict"}"#, .evict),
        (#"{"kind":"shrink_buffer","events":4}"#, .shrinkBuffer(4)),
        (#"{"kind":"token_reset"}"#, .resetToken(nil)),
        (#"{"kind":"corrupt"}"#, .corrupt(.stream)),
        (#"{"kind":"corrupt","what":"frame"}"#, .corrupt(.frame)),
        (#"{"kind":"oversized","bytes":1000}"#, .oversized(1000)),
        (#"{"kind":"heartbeats","count":2}"#, .heartbeats(2)),
    ]

    @Test(arguments: Self.cases)
    func `A fault is read with its defaults`(text: String, action: Fault.Action) throws {
        let planned = try self.parse(text)
        #expect(planned == [.init(at: .zero, fault: Fault(action: action))])
    }

    @Test func `Every kind can be asked for, and tells its own name in the ledger`() throws {
        let asked = Set(try Self.cases.map { try self.parse($0.0)[0].fault.kind })
        #expect(asked == Set(Fault.Kind.allCases))
        for (text, action) in Self.cases {
            let json = try JSONValue(parsing: text)
            #expect(Fault(action: action).facts["fault"] == json["kind"])
        }
    }

    @Test func `A list has times and targets`() throws {
        let planned = try self.parse(
            #"[{"kind":"drop","at_ms":1500,"target":{"shard":[1,4],"application":"10"}},"#
                + #"{"kind":"op7","target":"all"},{"kind":"op7","target":{"session":"ab","percent":25,"pick":7}}]"#)
        #expect(planned.map(\.at) == [.milliseconds(1500), .zero, .zero])
        #expect(planned[0].fault.target == FaultTarget(application: 10, shard: ShardID(id: 1, count: 4)))
        #expect(planned[1].fault.target == .all)
        #expect(planned[2].fault.target == FaultTarget(session: "ab", percent: 25, pick: 7))
    }

    @Test(arguments: [
        ("[]", "the list"), ("7", "fault: "), (#"{"kind":"op8"}"#, "fault.kind"),
        (#"[{"kind":"op7"},{"kind":"close","code":99}]"#, "[1].code"), (#"{"kind":"close","code":1005}"#, "fault.code"),
        (#"{"kind":"stall"}"#, "fault.for_ms"), (#"{"kind":"stall","for_ms":-1}"#, "fault.for_ms"),
        (#"{"kind":"stall","for_ms":1,"what":"dispatches"}"#, "fault.what"),
        (#"{"kind":"op7","at_ms":"5"}"#, "fault.at_ms"), (#"{"kind":"op9","resumable":1}"#, "fault.resumable"),
        (#"{"kind":"drop","code":4000}"#, "fault.code"), (#"{"kind":"drop","target":{"shard":[4,4]}}"#, "target.shard"),
        (#"{"kind":"drop","target":{"percent":101}}"#, "target.percent"),
        (#"{"kind":"drop","target":{"shrad":1}}"#, "target.shrad"),
        (#"{"kind":"drop","target":"some"}"#, "fault.target"),
        (#"{"kind":"token_reset","token":"new.token"}"#, "target.application"),
        (#"{"kind":"token_reset","token":"a b","target":{"application":"1"}}"#, "fault.token"),
    ])
    func `What is wrong is named with its place`(text: String, place: String) throws {
        let json = try JSONValue(parsing: text)
        #expect {
            try FaultForm.parse(json)
        } throws: { error in
            guard let error = error as? APIError else { return false }
            return error.status == 400 && error.message.contains(place) && error.message.contains("expected")
        }
    }

    // MARK: Targets

    private static let candidates: [FaultTarget.Candidate] = [
        .init(connection: 9, session: "p", user: 1, isPerson: true),
        .init(connection: 3, session: "b", user: 10, shard: ShardID(id: 1, count: 2)),
        .init(connection: 2, session: "a", user: 10, shard: ShardID(id: 0, count: 2)),
        .init(connection: nil, session: "c", user: 10, shard: ShardID(id: 0, count: 1)),
        .init(connection: 4, session: "d", user: 11, shard: ShardID(id: 0, count: 2)),
        .init(connection: 7),
    ]

    private func select(_ target: FaultTarget, salt: UInt64 = 0, detached: Bool = false) -> [String] {
        target.select(from: Self.candidates, salt: salt, includesDetached: detached).map {
            $0.session ?? "conn \($0.connection ?? 0)"
        }
    }

    @Test func `A target means those that fit all it says, in the order of their shards`() {
        #expect(self.select(.all) == ["a", "b", "d", "conn 7"], "people and the absent are spared")
        #expect(self.select(.all, detached: true) == ["c", "a", "b", "d", "conn 7"])
        #expect(self.select(FaultTarget(application: 10)) == ["a", "b"])
        #expect(self.select(FaultTarget(shard: ShardID(id: 0, count: 2))) == ["a", "d"])
        #expect(self.select(FaultTarget(application: 11, shard: ShardID(id: 0, count: 2))) == ["d"])
        #expect(self.select(FaultTarget(session: "p")) == ["p"])
        #expect(self.select(FaultTarget(connection: 7)) == ["conn 7"])
        #expect(self.select(FaultTarget(session: "gone")).isEmpty)
        #expect((0..<8).map { self.select(FaultTarget(pick: $0)) }.map(\.count) == Array(repeating: 1, count: 8))
        #expect(self.select(FaultTarget(pick: 5)) == ["b"])
        #expect(FaultTarget(pick: 1).select(from: [], salt: 0, includesDetached: true).isEmpty)
    }

    @Test func `A share is the same for the same salt, another for another, and about as large as told`() {
        let shards = (0..<1000).compactMap { ShardID(id: $0, count: 1000) }
        func met(_ salt: UInt64, sessions: String) -> [Int] {
            FaultTarget(percent: 30).select(
                from: shards.map { .init(connection: 1, session: sessions, user: 10, shard: $0) }, salt: salt,
                includesDetached: false
            ).compactMap(\.shard?.id)
        }
        #expect(met(1, sessions: "a") == met(1, sessions: "b"), "session ids differ from run to run")
        #expect(met(1, sessions: "a") != met(2, sessions: "a"))
        #expect((240...360).contains(met(1, sessions: "a").count))
        #expect(self.select(FaultTarget(percent: 0)).isEmpty && self.select(FaultTarget(percent: 100)).count == 4)
    }
}
