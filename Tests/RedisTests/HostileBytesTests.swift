import NIOCore
import NIOEmbedded
import TestSupport
import Testing

@testable import Redis

@Suite(.timeLimit(.minutes(1))) struct HostileBytesTests {
    /// Counts completions on one thread.
    private final class Tally {
        var answered = 0
        var results = 0
    }

    private static let wellFormed = [
        "+OK\r\n", ":1\r\n", ":-9223372036854775808\r\n", "$5\r\nhello\r\n", "$-1\r\n", "*0\r\n", "*-1\r\n",
        "-ERR x\r\n",
        "*3\r\n:1\r\n*2\r\n$1\r\na\r\n*1\r\n:2\r\n+x\r\n", "-MOVED 1 127.0.0.1:1\r\n", "$0\r\n\r\n",
        "*2\r\n$-1\r\n*-1\r\n",
    ]
    private static let nasty = [
        "*2147483647\r\n", "*2147483648\r\n", "$9223372036854775807\r\n", "$2147483647\r\n", "*1\r\n*1\r\n*1\r\n*1\r\n",
        "$-2\r\n",
        "*-9\r\n", ":\r\n", "$\r\n", "\r\n", "\0", "\r", "*1048576\r\n", ":--1\r\n", "$+5\r\nhello\r\n", "%2\r\n", "+",
        "-\r\n",
        "*00000000000000000000001\r\n",
    ]

    private func stream(_ generator: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...12, using: &generator) {
            let isNasty = Int.random(in: 0..<6, using: &generator) == 0
            let part = (isNasty ? Self.nasty : Self.wellFormed).randomElement(using: &generator) ?? ""
            bytes.append(contentsOf: part.utf8)
        }
        for _ in 0..<Int.random(in: 0...4, using: &generator) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
            case 1: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 2: bytes.remove(at: index)
            case 3: bytes.insert("0123456789*$:+-\r\n".utf8.randomElement(using: &generator) ?? 0, at: index)
            default: bytes.removeSubrange(index...)
            }
        }
        return bytes
    }

    @Test func `Broken bytes end the connection at worst, and each request is answered once`() throws {
        var generator = SeededGenerator(seed: 0x5EED)
        var limits = RedisConfiguration.Limits()
        limits.replyBytes = 4_096
        limits.replyElements = 1_000
        var configuration = RedisConfiguration(endpoints: [.init(host: "h", port: 1)])
        configuration.limits = limits
        var cut = 0
        for _ in 0..<6_000 {
            let channel = EmbeddedChannel()
            let connection = try RedisConnection(
                configuration: configuration,
                inbox: RequestInbox(limits: limits),
                eventLoop: channel.embeddedEventLoop
            )
            try channel.pipeline.syncOperations.addHandler(connection)
            let tally = NIOLoopBound(Tally(), eventLoop: channel.embeddedEventLoop)
            let counts = (0..<4).map { _ in Int.random(in: 1...4, using: &generator) }
            for count in counts {
                connection.submit(
                    RedisRequest(bytes: ByteBuffer(string: "x"), count: count, deadline: .distantFuture) { results in
                        tally.value.answered += 1
                        tally.value.results += results.count
                    })
            }
            connection.flush()
            var bytes = self.stream(&generator)[...]
            while !bytes.isEmpty, !connection.isClosed {
                let length = Int.random(in: 1...bytes.count, using: &generator)
                try channel.writeInbound(ByteBuffer(bytes: bytes.prefix(length)))
                bytes = bytes.dropFirst(length)
            }
            if connection.isClosed { cut += 1 }
            connection.close(RedisError(.connectionLost, "end of the test"))
            #expect(tally.value.answered == 4)
            #expect(tally.value.results == counts.reduce(0, +))
            _ = try channel.finish(acceptAlreadyClosed: true)
        }
        #expect(cut > 500, "the mutations hardly ever broke anything")
        #expect(cut < 6_000, "no stream was left whole")
    }

    @Test func `Requests of one tick leave in one write`() throws {
        let channel = EmbeddedChannel()
        let configuration = RedisConfiguration(endpoints: [.init(host: "h", port: 1)])
        let connection = try RedisConnection(
            configuration: configuration,
            inbox: RequestInbox(limits: .init()),
            eventLoop: channel.embeddedEventLoop
        )
        try channel.pipeline.syncOperations.addHandler(connection)
        for _ in 0..<100 {
            let bytes = RedisPipeline([["PING"]]).bytes
            connection.submit(RedisRequest(bytes: bytes, count: 1, deadline: .distantFuture) { _ in })
        }
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        connection.flush()
        let written = try #require(try channel.readOutbound(as: ByteBuffer.self))
        #expect(written.readableBytes == 100 * RedisPipeline([["PING"]]).byteCount)
        #expect(try channel.readOutbound(as: ByteBuffer.self) == nil)
        connection.close(RedisError(.connectionLost, "end of the test"))
    }

    @Test func `An idle connection is pinged and a silent one is cut`() throws {
        let channel = EmbeddedChannel()
        var configuration = RedisConfiguration(endpoints: [.init(host: "h", port: 1)])
        configuration.silenceLimit = .seconds(10)
        let connection = try RedisConnection(
            configuration: configuration,
            inbox: RequestInbox(limits: .init()),
            eventLoop: channel.embeddedEventLoop
        )
        try channel.pipeline.syncOperations.addHandler(connection)
        channel.embeddedEventLoop.advanceTime(by: .seconds(10))
        let ping = try #require(try channel.readOutbound(as: ByteBuffer.self))
        #expect(String(buffer: ping) == "*1\r\n$4\r\nPING\r\n")
        try channel.writeInbound(ByteBuffer(string: "+PONG\r\n"))
        channel.embeddedEventLoop.advanceTime(by: .seconds(10))
        #expect(try channel.readOutbound(as: ByteBuffer.self) != nil)
        #expect(!connection.isClosed)
        channel.embeddedEventLoop.advanceTime(by: .seconds(15))
        #expect(connection.isClosed)
    }
}
