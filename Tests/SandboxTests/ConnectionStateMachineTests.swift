import Discord
import NIOCore
import Testing

@testable import Sandbox

@Suite struct ConnectionStateMachineTests {
    let start = ContinuousClock.now

    private func machine(_ change: (inout SandboxGatewaySettings) -> Void = { _ in }) -> ConnectionStateMachine {
        var settings = SandboxGatewaySettings()
        change(&settings)
        return ConnectionStateMachine(settings: settings, now: self.start)
    }

    private func receive(
        _ text: String, _ machine: inout ConnectionStateMachine, after: Duration = .zero
    ) -> ConnectionStateMachine.Action {
        machine.received(ByteBuffer(string: text), now: self.start + after)
    }

    private func code(_ action: ConnectionStateMachine.Action) -> UInt16? {
        if case .close(let code, _) = action { code.rawValue } else { nil }
    }

    static let identify = #"{"op":2,"d":{"token":"T","properties":{},"intents":513,"shard":[1,2]}}"#

    @Test(arguments: [
        ("not json", 4002), (#"{"d":1}"#, 4002), (#"{"op":"2"}"#, 4002), (#"{"op":99,"d":null}"#, 4001),
        (#"{"op":5}"#, 4001),
        (#"{"op":8,"d":{}}"#, 4003), (#"{"op":3,"d":{}}"#, 4003), (#"{"op":2,"d":{}}"#, 4002),
        (#"{"op":2,"d":{"token":1}}"#, 4002),
        (#"{"op":6,"d":{"token":"T"}}"#, 4002), (#"{"op":1,"d":"x"}"#, 4002), ("[[[[", 4002),
    ])
    func `What breaks a rule closes with its code`(text: String, code: Int) {
        var machine = self.machine()
        #expect(self.code(self.receive(text, &machine)) == UInt16(code))
        #expect(self.receive(Self.identify, &machine) == .none, "a closed connection does nothing more")
    }

    @Test func `A payload over 4096 bytes closes with 4002, one of 4096 does not`() {
        let padding = 4096 - #"{"op":1,"d":null,"x":""}"#.utf8.count
        var machine = self.machine()
        let fits = #"{"op":1,"d":null,"x":""# + String(repeating: "x", count: padding) + #""}"#
        #expect(self.receive(fits, &machine) == .acknowledgeHeartbeat(sequence: nil))
        #expect(self.code(self.receive(fits + " ", &machine)) == 4002)
    }

    @Test func `Identify is understood, and a second one closes with 4005`() throws {
        var machine = self.machine()
        let shard = try #require(ShardID(id: 1, count: 2) as ShardID?)
        guard case .identify(let identify) = self.receive(Self.identify, &machine) else {
            Issue.record("no identify")
            return
        }
        #expect(identify.token == "T" && identify.intents == 513 && identify.shard == .valid(shard))
        machine.established()
        #expect(self.code(self.receive(Self.identify, &machine)) == 4005)
    }

    @Test(arguments: ["[2,2]", "[-1,2]", "[0,0]", "[1]", "[0,1,2]", "1", #"["0","1"]"#])
    func `A shard that is none is told apart from no shard`(shard: String) {
        var machine = self.machine()
        let text = #"{"op":2,"d":{"token":"Bot T","properties":{},"intents":0,"shard":\#(shard)}}"#
        guard case .identify(let identify) = self.receive(text, &machine) else {
            Issue.record("no identify")
            return
        }
        #expect(identify.shard == .invalid && identify.token == "T")
    }

    @Test func `After a refused Identify another one may follow on the same connection`() {
        var machine = self.machine()
        _ = self.receive(Self.identify, &machine)
        guard case .identify = self.receive(Self.identify, &machine) else {
            Issue.record("no identify")
            return
        }
    }

    @Test func `The 121st payload within a minute closes with 4008, later ones are let through`() {
        var machine = self.machine()
        for _ in 0..<120 { #expect(self.receive(#"{"op":1,"d":1}"#, &machine) == .acknowledgeHeartbeat(sequence: 1)) }
        var late = machine
        #expect(self.code(self.receive(#"{"op":1,"d":1}"#, &machine, after: .seconds(59))) == 4008)
        #expect(self.receive(#"{"op":1,"d":1}"#, &late, after: .seconds(60)) == .acknowledgeHeartbeat(sequence: 1))
    }

    @Test func `Two intervals without a heartbeat end the connection`() {
        var machine = self.machine { $0.heartbeatInterval = .seconds(10) }
        _ = self.receive(#"{"op":1,"d":null}"#, &machine, after: .seconds(5))
        #expect(machine.heartbeatTimedOut(now: self.start + .seconds(24)) == .none)
        #expect(self.code(machine.heartbeatTimedOut(now: self.start + .seconds(25))) == 4000)
        #expect(machine.heartbeatTimedOut(now: self.start + .seconds(26)) == .none)
    }

    @Test func `Op 8 wants exactly one of query and user ids, and drops a nonce that is too long`() {
        var machine = self.machine()
        machine.established()
        let long = String(repeating: "n", count: 33)
        #expect(
            self.receive(#"{"op":8,"d":{"guild_id":"5","query":"","limit":0,"nonce":"\#(long)"}}"#, &machine)
                == .requestMembers(
                    .init(guildID: 5, query: "", limit: 0, userIDs: nil, wantsPresences: false, nonce: nil)))
        #expect(
            self.receive(#"{"op":8,"d":{"guild_id":"5","user_ids":"7","nonce":"n"}}"#, &machine)
                == .requestMembers(
                    .init(guildID: 5, query: nil, limit: 0, userIDs: [7], wantsPresences: false, nonce: "n")))
        #expect(self.code(self.receive(#"{"op":8,"d":{"guild_id":"5","limit":0}}"#, &machine)) == 4001)
        var other = self.machine()
        other.established()
        #expect(self.code(self.receive(#"{"op":8,"d":{"guild_id":["5"],"query":"","limit":0}}"#, &other)) == 4002)
    }
}
