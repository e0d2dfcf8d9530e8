import NIOCore
import Testing

@testable import AMQP

@Suite struct ConnectionStateMachineTests {
    private static let start = BrokerMethod.connectionStart(major: 0, minor: 9, mechanisms: "AMQPLAIN PLAIN")
    private static let tune = BrokerMethod.connectionTune(channelMax: 2_047, frameMax: 131_072, heartbeat: 60)

    private func machine(_ change: (inout AMQPConfiguration) -> Void = { _ in }) -> AMQPConnectionStateMachine {
        var configuration = AMQPConfiguration(host: "h", virtualHost: "v", user: "ada", password: "hunter2")
        change(&configuration)
        return AMQPConnectionStateMachine(configuration: configuration)
    }

    @Test func `The handshake ends open`() throws {
        var machine = self.machine()
        guard case .send(.connectionStartOk(_, "PLAIN", "\0ada\0hunter2", _)) = try machine.received(Self.start) else {
            Issue.record("no start-ok")
            return
        }
        #expect(try machine.received(Self.tune) == .tuned(.init(channelMax: 2_047, frameMax: 131_072, heartbeat: 10)))
        #expect(try machine.received(.connectionOpenOk) == .opened)
        #expect(machine.isOpen)
        #expect(try machine.received(.connectionBlocked(reason: "memory")) == .blocked(reason: "memory"))
        #expect(try machine.received(.connectionUnblocked) == .unblocked)
        let isClosing = machine.startClosing()
        #expect(isClosing)
        #expect(try machine.received(.connectionBlocked(reason: "late")) == .none)
        #expect(try machine.received(.connectionCloseOk) == .closed)
    }

    @Test(arguments: [
        (UInt16(0), UInt32(0), UInt16(0), 2_047, 131_072, 10),
        (100, 4_096, 5, 100, 4_096, 5),
        (65_535, .max, 600, 2_047, 131_072, 10),
    ])
    func `The smaller of both limits counts, and zero is no limit`(
        channelMax: UInt16, frameMax: UInt32, heartbeat: UInt16, channels: Int, frame: Int, seconds: Int
    ) throws {
        var machine = self.machine()
        _ = try machine.received(Self.start)
        let action = try machine.received(
            .connectionTune(channelMax: channelMax, frameMax: frameMax, heartbeat: heartbeat))
        #expect(action == .tuned(.init(channelMax: UInt16(channels), frameMax: frame, heartbeat: UInt16(seconds))))
    }

    @Test func `Heartbeats round up to whole seconds, and zero switches them off`() throws {
        for (interval, seconds) in [(Duration.milliseconds(200), 1), (.milliseconds(1_500), 2), (.zero, 0)] {
            var machine = self.machine { $0.heartbeat = interval }
            _ = try machine.received(Self.start)
            #expect(
                try machine.received(Self.tune)
                    == .tuned(.init(channelMax: 2_047, frameMax: 131_072, heartbeat: UInt16(seconds))))
        }
    }

    @Test func `A refused login names the user and never the password`() throws {
        var machine = self.machine()
        _ = try machine.received(Self.start)
        let action = try machine.received(.connectionClose(replyCode: 403, replyText: "ACCESS_REFUSED"))
        guard case .closedByBroker(let error) = action else {
            Issue.record("\(action)")
            return
        }
        #expect(error.code == .accessRefused && error.replyCode == 403)
        #expect(error.message == "access refused for user ada")

        var silent = self.machine()
        _ = try silent.received(Self.start)
        #expect(silent.socketClosed()?.code == .accessRefused)
    }

    @Test func `Methods out of turn are protocol violations`() throws {
        let methods: [BrokerMethod] = [
            Self.tune, .connectionOpenOk, .connectionCloseOk, .connectionUnblocked, .channelCloseOk,
            .basicAck(deliveryTag: 1, multiple: true),
        ]
        for method in methods {
            var machine = self.machine()
            #expect(throws: AMQPError.self) { try machine.received(method) }
        }
        var old = self.machine()
        #expect(throws: AMQPError.self) {
            try old.received(.connectionStart(major: 1, minor: 0, mechanisms: "PLAIN"))
        }
        var small = self.machine()
        _ = try small.received(Self.start)
        #expect(throws: AMQPError.self) {
            try small.received(.connectionTune(channelMax: 1, frameMax: 4_095, heartbeat: 1))
        }
    }

    @Test func `Heartbeats are sent when idle and the broker is given up after two intervals`() {
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        var heartbeat = AMQPHeartbeat(interval: .seconds(10), now: start)
        #expect(heartbeat.action(at: start + .seconds(3)) == .none)
        #expect(heartbeat.action(at: start + .seconds(5)) == .send)
        heartbeat.wrote(at: start + .seconds(5))
        #expect(heartbeat.action(at: start + .seconds(6)) == .none)
        heartbeat.read(at: start + .seconds(12))
        #expect(heartbeat.action(at: start + .seconds(31)) == .send)
        #expect(heartbeat.action(at: start + .seconds(32)) == .giveUp)
    }
}
