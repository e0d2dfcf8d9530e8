import NIOCore
import NIOEmbedded

@testable import Redis

/// What a Redis server sends: the replies by themselves, and a connection that waits for some.
///
/// Input: how TCP cuts the bytes, how many commands wait, bytes.
enum RESPFuzzing {
    static func run(_ bytes: UnsafeRawBufferPointer) throws(FuzzFinding) {
        var input = FuzzInput(bytes)
        let cut = input.choice()
        let commands = input.choice()
        let pieces = input.pieces(cut)

        var limits = RedisConfiguration.Limits()
        limits.replyElements = 10_000
        let whole = try Stream([input.whole], limits: limits)
        let stream = try Stream(pieces, limits: limits)
        try expect(stream == whole, "cut into pieces \(stream) was read, in one piece \(whole)")

        var written = ByteBuffer()
        for reply in whole.replies { self.write(reply, to: &written) }
        let again = try Stream([written], limits: limits)
        try expect(
            again.replies.elementsEqual(whole.replies, by: self.isSame) && !again.failed,
            "\(whole) was written and read as \(again)")

        try self.answer(pieces, commands: commands)
    }

    /// RESP2, as a server writes it.
    private static func write(_ value: RESPValue, to buffer: inout ByteBuffer) {
        switch value {
        case .null: buffer.writeString("$-1\r\n")
        case .integer(let value): buffer.writeString(":\(value)\r\n")
        case .simpleString(let text): buffer.writeString("+\(text)\r\n")
        case .error(let error): buffer.writeString("-\(error.message)\r\n")
        case .bulkString(var content):
            buffer.writeString("$\(content.readableBytes)\r\n")
            buffer.writeBuffer(&content)
            buffer.writeString("\r\n")
        case .array(let elements):
            buffer.writeString("*\(elements.count)\r\n")
            for element in elements { self.write(element, to: &buffer) }
        }
    }

    /// Text is compared by its bytes: to `String`, two spellings of a character are the same.
    private static func isSame(_ one: RESPValue, _ other: RESPValue) -> Bool {
        switch (one, other) {
        case (.simpleString(let one), .simpleString(let other)): one.utf8.elementsEqual(other.utf8)
        case (.error(let one), .error(let other)): one.message.utf8.elementsEqual(other.message.utf8)
        case (.array(let one), .array(let other)): one.elementsEqual(other, by: self.isSame)
        default: one == other
        }
    }

    private struct Stream: Equatable {
        var replies: [RESPValue] = []
        var failed = false

        init(_ pieces: [ByteBuffer], limits: RedisConfiguration.Limits) throws(FuzzFinding) {
            do throws(RedisError) {
                let reader = try RESPReader(limits: limits)
                for piece in pieces {
                    try reader.feed(piece)
                    while let reply = try reader.next() { self.replies.append(reply) }
                }
            } catch {
                try expect(error.code == .protocolViolation, "broken bytes are told as \(error)")
                self.failed = true
            }
        }
    }

    /// Every request is answered once, with as many results as it has commands, whatever comes.
    private static func answer(_ pieces: [ByteBuffer], commands seed: UInt8) throws(FuzzFinding) {
        var choices = Choices(seed: seed)
        let counts = (0..<4).map { _ in 1 + Int(choices.next() % 4) }
        var answered: [Int] = []
        do {
            var configuration = RedisConfiguration(endpoints: [.init(host: "h", port: 1)])
            configuration.limits.replyBytes = 2_048
            configuration.limits.replyElements = 64
            let channel = EmbeddedChannel()
            let tally = NIOLoopBoundBox([Int](), eventLoop: channel.embeddedEventLoop)
            let connection = try RedisConnection(
                configuration: configuration,
                inbox: RequestInbox(limits: configuration.limits),
                eventLoop: channel.embeddedEventLoop
            )
            try channel.pipeline.syncOperations.addHandler(connection)
            for count in counts {
                connection.submit(
                    RedisRequest(bytes: ByteBuffer(string: "x"), count: count, deadline: .distantFuture) { results in
                        tally.value.append(results.count)
                    })
            }
            connection.flush()
            for piece in pieces where !connection.isClosed { try channel.writeInbound(piece) }
            connection.close(RedisError(.connectionLost, "the end of the input"))
            answered = tally.value
            _ = try channel.finish(acceptAlreadyClosed: true)
        } catch {
            throw FuzzFinding("the connection threw \(error)")
        }
        try expect(answered == counts, "requests of \(counts) commands were answered with \(answered) results")
    }
}
