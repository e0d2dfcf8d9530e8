import NIOCore
import Testing

@testable import Redis

@Suite struct HashSlotTests {
    @Test func `CRC16 gives the specification's check value`() {
        #expect(HashSlot.crc16("123456789".utf8) == 0x31C3)
        #expect(HashSlot.crc16("".utf8) == 0)
    }

    @Test(arguments: [
        ("foo", 12182), ("bar", 5061), ("", 0), ("123456789", 12739), ("{foo}.bar", 12182), ("a{foo}b{bar}", 12182),
        ("{user1000}.following", 3443), ("{user1000}.followers", 3443),
    ])
    func `Slots are those of CLUSTER KEYSLOT`(key: String, slot: Int) {
        #expect(HashSlot.of(key) == slot)
    }

    @Test func `Only the first tag counts, and only when it holds something`() {
        #expect(HashSlot.of("foo{}{bar}") == Int(HashSlot.crc16("foo{}{bar}".utf8)) % 16384)
        #expect(HashSlot.of("foo{{bar}}zap") == HashSlot.of("{bar"))
        #expect(HashSlot.of("foo{bar}{zap}") == HashSlot.of("bar"))
        #expect(HashSlot.of("foo{bar") == Int(HashSlot.crc16("foo{bar".utf8)) % 16384)
    }

    private func route(_ command: RedisCommand) -> ClusterRoute? {
        var bytes = RedisPipeline([command]).bytes
        return EncodedCommand(from: &bytes)?.route
    }

    @Test func `Commands go where their keys are`() {
        let foo = ClusterRoute.slot(12182)
        #expect(self.route(["GET", "foo"]) == foo)
        #expect(self.route(["get", "foo"]) == foo)
        #expect(self.route(["MSET", "foo", "bar", "{foo}2", "x"]) == foo)
        #expect(self.route(["EVAL", "return 1", 2, "foo", "{foo}x", "bar"]) == foo)
        #expect(self.route(["EVAL", "return 1", 0, "bar"]) == .anyNode)
        #expect(self.route(["XREADGROUP", "GROUP", "g", "c", "COUNT", 1, "STREAMS", "foo", ">"]) == foo)
        #expect(self.route(["OBJECT", "ENCODING", "foo"]) == foo)
        #expect(self.route(["ZUNIONSTORE", "foo", 1, "{foo}1"]) == foo)
        #expect(self.route(["PING"]) == .anyNode)
    }

    @Test(
        arguments: [
            ["MGET", "foo", "bar"], ["EVALSHA", "0", 2, "foo", "bar"], ["EVAL", "return 1", 7, "foo"],
            ["EVAL", "x", "many"],
            ["XREAD", "STREAMS", "foo"],
        ] as [RedisCommand])
    func `Keys of several slots, or that can't be told, are refused`(command: RedisCommand) {
        guard case .refused = self.route(command) else {
            Issue.record("\(command) was not refused")
            return
        }
    }
}

@Suite struct ClusterSlotMapTests {
    private let asked = RedisConfiguration.Endpoint(host: "asked", port: 1)

    private func node(_ host: RESPValue, _ port: Int64) -> RESPValue {
        .array([host, .integer(port), .bulkString(ByteBuffer(string: "id"))])
    }

    private func text(_ text: String) -> RESPValue { .bulkString(ByteBuffer(string: text)) }

    @Test func `Ranges, replicas, nodes without a name and slots without an owner are understood`() throws {
        let reply = RESPValue.array([
            .array([.integer(0), .integer(99), self.node(self.text("a"), 7000), self.node(self.text("replica"), 7001)]),
            .array([.integer(200), .integer(16383), self.node(.null, 7002)]),
        ])
        var map = try ClusterSlotMap(reply: reply, asked: self.asked)
        #expect(map.owner(of: 0) == .init(host: "a", port: 7000))
        #expect(map.owner(of: 99) == .init(host: "a", port: 7000))
        #expect(map.owner(of: 100) == nil)
        #expect(map.owner(of: 16383) == .init(host: "asked", port: 7002))
        #expect(map.masters.count == 2)
        try map.move(100, to: .init(host: "c", port: 1))
        #expect(map.owner(of: 100) == .init(host: "c", port: 1))
    }

    @Test func `Nonsense is an error, never a trap`() {
        let good = self.node(self.text("a"), 7000)
        let broken: [RESPValue] = [
            .null, .array([]), .array([.null]), .array([.array([.integer(0), .integer(16384), good])]),
            .array([.array([.integer(-1), .integer(5), good])]), .array([.array([.integer(9), .integer(5), good])]),
            .array([.array([.integer(0), .integer(5), self.node(self.text("a"), 0)])]),
            .array([.array([.integer(0), .integer(5), .array([])])]), .array([.array([.integer(0), .integer(5)])]),
            .array((0..<2_000).map { .array([.integer(0), .integer(0), self.node(self.text("h"), 1 + $0)]) }),
        ]
        for reply in broken {
            #expect(throws: RedisError.self) { try ClusterSlotMap(reply: reply, asked: self.asked) }
        }
    }

    private func verdict(_ line: String) -> ClusterVerdict {
        ClusterVerdict(.error(RedisError(serverLine: line)), answeredBy: self.asked)
    }

    @Test func `Redirections are followed, other errors delivered`() {
        #expect(self.verdict("MOVED 3999 127.0.0.1:6381") == .moved(slot: 3999, .init(host: "127.0.0.1", port: 6381)))
        #expect(self.verdict("MOVED 3999 :6381") == .moved(slot: 3999, .init(host: "asked", port: 6381)))
        #expect(self.verdict("ASK 1 ::1:6381") == .ask(.init(host: "::1", port: 6381)))
        #expect(self.verdict("TRYAGAIN Multiple keys") == .later)
        #expect(self.verdict("CLUSTERDOWN Hash slot not served") == .later)
        #expect(self.verdict("WRONGTYPE x") == .deliver)
        #expect(ClusterVerdict(.integer(1), answeredBy: self.asked) == .deliver)
        for line in [
            "MOVED", "MOVED x y:1", "MOVED 16384 a:1", "MOVED 1 a:99999", "MOVED 1 a", "ASK -1 a:1", "MOVED 1 a:",
        ] {
            #expect(self.verdict(line) == .deliver)
        }
    }

    @Test func `Only a command that was never sent is sent to a cluster again`() {
        let lost = RedisError(.connectionLost, "x")
        #expect(ClusterVerdict(.error(lost), answeredBy: self.asked) == .later)
        #expect(ClusterVerdict(.error(lost.with(delivery: .mayHaveExecuted)), answeredBy: self.asked) == .deliver)
    }
}
