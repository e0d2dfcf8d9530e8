import NIOCore
import Testing

@testable import Redis

@Suite struct RESPTests {
    private func read(_ text: String, limits: RedisConfiguration.Limits = .init()) throws -> [RESPValue] {
        let reader = try RESPReader(limits: limits)
        try reader.feed(ByteBuffer(string: text))
        var values: [RESPValue] = []
        while let value = try reader.next() { values.append(value) }
        return values
    }

    private func bulk(_ text: String) -> RESPValue { .bulkString(ByteBuffer(string: text)) }

    @Test func `Every type is read`() throws {
        let values = try self.read("+OK\r\n-ERR no\r\n:-42\r\n$5\r\nhe\r\no\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n")
        #expect(
            values == [
                .simpleString("OK"), .error(RedisError(serverLine: "ERR no")), .integer(-42), self.bulk("he\r\no"),
                .null, .null,
                .array([]), self.bulk(""),
            ])
    }

    @Test func `Arrays nest, and follow each other`() throws {
        let values = try self.read("*3\r\n*2\r\n:1\r\n*0\r\n*1\r\n*1\r\n$1\r\na\r\n-WRONGTYPE x\r\n:9\r\n")
        #expect(
            values == [
                .array([
                    .array([.integer(1), .array([])]), .array([.array([self.bulk("a")])]),
                    .error(RedisError(serverLine: "WRONGTYPE x")),
                ]),
                .integer(9),
            ])
    }

    @Test func `Replies may come byte by byte`() throws {
        let reader = try RESPReader(limits: .init())
        var values: [RESPValue] = []
        for byte in "*2\r\n$3\r\nabc\r\n*1\r\n:7\r\n+x\r\n".utf8 {
            try reader.feed(ByteBuffer(bytes: [byte]))
            while let value = try reader.next() { values.append(value) }
        }
        #expect(values == [.array([self.bulk("abc"), .array([.integer(7)])]), .simpleString("x")])
    }

    @Test(arguments: [
        "?", "$abc\r\n", "$-2\r\n", "*-2\r\n", ":x\r\n", ":99999999999999999999\r\n", "*99999999999\r\n",
        "$99999999999999999999\r\n", String(repeating: "*1\r\n", count: 12), "*2000000\r\n", "%1\r\n", "_\r\n",
    ])
    func `Broken replies are violations`(text: String) {
        let error = #expect(throws: RedisError.self) { try self.read(text) }
        #expect(error?.code == .protocolViolation)
    }

    @Test func `Size and number of elements are bounded`() throws {
        var limits = RedisConfiguration.Limits()
        limits.replyBytes = 100
        limits.replyElements = 10
        #expect(throws: RedisError.self) {
            try self.read("$200\r\n" + String(repeating: "x", count: 150), limits: limits)
        }
        #expect(throws: RedisError.self) { try self.read("+" + String(repeating: "x", count: 150), limits: limits) }
        #expect(throws: RedisError.self) {
            try self.read("*2\r\n*5\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n*4\r\n", limits: limits)
        }
        // Many small ones are no large one.
        #expect(try self.read(String(repeating: ":1\r\n", count: 90), limits: limits).count == 90)
    }

    @Test func `Commands are arrays of bulk strings`() {
        var pipeline = RedisPipeline()
        pipeline.append("SET", "ключ", 12, .buffer(ByteBuffer(bytes: [0, 255, 13, 10])), "")
        let expected =
            "*5\r\n$3\r\nSET\r\n$8\r\nключ\r\n$2\r\n12\r\n$4\r\n".utf8 + [0, 255, 13, 10] + "\r\n$0\r\n\r\n".utf8
        #expect(Array(pipeline.bytes.readableBytesView) == Array(expected))
        #expect(pipeline.count == 1)
    }

    @Test(arguments: [0, 1, -1, 9, 10, -10, 99, 1_000, Int64.max, Int64.min])
    func `Integers are written in decimal`(value: Int64) {
        var pipeline = RedisPipeline()
        pipeline.append("X", .integer(value))
        #expect(String(buffer: pipeline.bytes) == "*2\r\n$1\r\nX\r\n$\(String(value).count)\r\n\(value)\r\n")
    }

    @Test func `A pipeline is taken apart as it was put together`() {
        let commands: [RedisCommand] = [
            ["SET", "a", "1"], ["GET", "a"], ["PING"], ["SET", "b", .string(String(repeating: "x", count: 3_000))],
        ]
        var bytes = RedisPipeline(commands).bytes
        var taken: [[String]] = []
        var copies = ByteBuffer()
        while let command = EncodedCommand(from: &bytes) {
            taken.append(command.arguments.map { String(buffer: $0) })
            copies.writeImmutableBuffer(command.bytes)
        }
        #expect(
            taken == [["SET", "a", "1"], ["GET", "a"], ["PING"], ["SET", "b", String(repeating: "x", count: 3_000)]])
        #expect(copies == RedisPipeline(commands).bytes)
    }

    @Test func `Only the script calls that the server lacks are sent with their source`() {
        let (first, second) = (RedisScript("return 1"), RedisScript("return KEYS[1]"))
        var pipeline = RedisPipeline()
        pipeline.append(first, keys: [])
        pipeline.append("PING")
        pipeline.append(second, keys: ["k"], arguments: ["v"])
        let noScript = RESPValue.error(RedisError(serverLine: "NOSCRIPT No matching script."))
        #expect(pipeline.reloading(after: [.integer(1), noScript, .null]) == nil)
        let reload = pipeline.reloading(after: [.integer(1), .simpleString("PONG"), noScript])
        #expect(reload?.indices == [2])
        #expect(reload?.pipeline.bytes == RedisPipeline([["EVAL", "return KEYS[1]", 1, "k", "v"]]).bytes)
    }
}
