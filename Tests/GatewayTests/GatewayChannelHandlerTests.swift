import NIOCore
import NIOEmbedded
import NIOWebSocket
import TestSupport
import Testing

@testable import Gateway

@Suite("Connection on an embedded channel", .timeLimit(.minutes(1)))
struct GatewayChannelHandlerTests {
    @Test(arguments: [GatewayRole.client, .server])
    func `A ping is answered with its payload`(role: GatewayRole) throws {
        let test = try ConnectionUnderTest(role)
        try test.receive(RawFrame(opcode: 9, payload: [0x70], masked: role == .server).bytes)
        #expect(try test.sentFrames() == [.ping(ByteBuffer(string: "p")).asPong])
        #expect(test.recorder.closes.isEmpty)
    }

    @Test(arguments: [GatewayRole.client, .server])
    func `The peer's close is echoed and told`(role: GatewayRole) throws {
        let test = try ConnectionUnderTest(role)
        let payload: [UInt8] = [0x0F, 0xA4, 0x68, 0x69]
        try test.receive(RawFrame(opcode: 8, payload: payload, masked: role == .server).bytes)
        #expect(try test.sentFrames() == [.close(code: 4004, reason: "")])
        #expect(test.recorder.closes.map(\.summary) == ["peer 4004 hi"])
        // The server ends TCP, the client waits for it, but not for ever.
        #expect(test.channel.isActive == (role == .client))
        test.channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(!test.channel.isActive)
        #expect(test.recorder.endedOnce)
    }

    @Test
    func `A close frame without a code is echoed without one`() throws {
        let test = try ConnectionUnderTest(.client)
        try test.receive(RawFrame(opcode: 8).bytes)
        #expect(try test.sentFrames() == [.close(code: nil, reason: "")])
        #expect(test.recorder.closes.map(\.summary) == ["peer none "])
    }

    @Test
    func `Our close waits for the peer's and then is told`() throws {
        let test = try ConnectionUnderTest(.client)
        test.connection.send(ByteBuffer(string: "last"))
        test.connection.close(code: 4000, reason: "bye")
        test.connection.send(ByteBuffer(string: "too late"))
        #expect(try test.sentFrames() == [.text(ByteBuffer(string: "last")), .close(code: 4000, reason: "bye")])
        #expect(test.recorder.closes.isEmpty)
        try test.receive(RawFrame.text(3).bytes)
        #expect(test.recorder.messages.isEmpty, "a message after our close is discarded")
        try test.receive(RawFrame(opcode: 8, payload: [0x0F, 0xA0]).bytes)
        #expect(test.recorder.closes.map(\.summary) == ["local 4000"])
        #expect(try test.sentFrames().isEmpty)
    }

    @Test(arguments: [([0x0F, 0xA0], true), ([0x03, 0xE8], false), ([], false)] as [([UInt8], Bool)])
    func `A close with another code was on its way before ours`(code: [UInt8], answers: Bool) throws {
        let test = try ConnectionUnderTest(.client)
        test.connection.close(code: 4000)
        _ = try test.sentFrames()
        try test.receive(RawFrame(opcode: 8, payload: code).bytes)
        guard case .local(4000, let isAnswered)? = test.recorder.closes.first else {
            Issue.record("\(test.recorder.closes)")
            return
        }
        #expect(isAnswered == answers)
    }

    @Test
    func `Our close is over after the deadline`() throws {
        let test = try ConnectionUnderTest(.client)
        test.connection.close(code: 4000)
        test.channel.embeddedEventLoop.run()
        test.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1_999))
        #expect(test.recorder.closes.isEmpty && test.channel.isActive)
        test.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(test.recorder.closes.map(\.summary) == ["local 4000"])
        #expect(!test.channel.isActive)
    }

    @Test
    func `A long close reason is cut between characters`() throws {
        let test = try ConnectionUnderTest(.server)
        test.connection.close(code: 4000, reason: String(repeating: "é", count: 100))
        #expect(try test.sentFrames() == [.close(code: 4000, reason: String(repeating: "é", count: 61))])
    }

    @Test
    func `drop() is told once and without a close frame`() throws {
        let test = try ConnectionUnderTest(.client)
        test.connection.drop()
        test.connection.drop()
        test.connection.close(code: 1000)
        #expect(try test.sentFrames().isEmpty)
        #expect(!test.channel.isActive)
        #expect(test.recorder.closes.map(\.summary) == ["dropped"])
    }

    @Test
    func `The end of TCP is a drop`() throws {
        let test = try ConnectionUnderTest(.client)
        _ = try test.channel.finish()
        #expect(test.recorder.closes.map(\.summary) == ["dropped"])
        #expect(test.recorder.endedOnce)
    }

    @Test
    func `Messages before a broken frame are delivered first`() throws {
        let test = try ConnectionUnderTest(.client)
        var bytes = RawFrame.text(3).bytes
        bytes.writeImmutableBuffer(RawFrame(opcode: 3).bytes)
        bytes.writeImmutableBuffer(RawFrame.text(4).bytes)
        try test.receive(bytes)
        #expect(test.recorder.texts == ["aaa"])
        #expect(test.recorder.closes.map(\.summary) == ["failed protocolViolation"])
        #expect(try test.sentFrames().map { $0.summary.prefix(10) } == ["close 1002"])
        test.channel.embeddedEventLoop.advanceTime(by: .seconds(3))
        #expect(!test.channel.isActive)
        #expect(test.recorder.endedOnce)
    }

    @Test(arguments: [GatewayCompression.zlibStream, .zstdStream])
    func `Compressed messages before a corrupt one are delivered first`(compression: GatewayCompression) throws {
        let test = try ConnectionUnderTest(.client, compression)
        let messages = ["one", "two"].map { ByteBuffer(string: $0) }
        let frames = try MessageInflaterTests.deflate(messages, compression)
        var bytes = ByteBuffer()
        bytes.writeFrame(.binary, payload: frames[0])
        bytes.writeFrame(.binary, payload: frames[1])
        bytes.writeFrame(.binary, payload: ByteBuffer(bytes: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF]))
        try test.receive(bytes)
        #expect(test.recorder.texts == ["one", "two"])
        #expect(test.recorder.closes.map(\.summary) == ["failed corruptStream"])
    }

    @Test(arguments: [GatewayCompression.none, .zlibStream, .zstdStream])
    func `A paused connection delivers nothing, then everything in order`(compression: GatewayCompression) throws {
        let test = try ConnectionUnderTest(.client, compression) { message, connection in
            if message == ByteBuffer(string: "two") { connection.setReading(false) }
        }
        let encoder = try MessageEncoder(compression)
        var bytes = ByteBuffer()
        for text in ["one", "two", "three", "four"] { try encoder.encode(ByteBuffer(string: text), into: &bytes) }
        bytes.writeCloseFrame(code: 4000, reason: "")
        try test.receive(bytes)
        #expect(test.recorder.texts == ["one", "two"])
        _ = try test.channel.finish(acceptAlreadyClosed: true)
        #expect(test.recorder.texts == ["one", "two"])
        #expect(test.recorder.closes.isEmpty)
        test.connection.setReading(true)
        #expect(test.recorder.texts == ["one", "two", "three", "four"])
        // The end is never told from inside a call.
        #expect(test.recorder.closes.isEmpty)
        test.channel.embeddedEventLoop.run()
        #expect(test.recorder.closes.map(\.summary) == ["peer 4000 "])
        #expect(test.recorder.endedOnce)
    }

    @Test
    func `A paused connection can be closed`() throws {
        let test = try ConnectionUnderTest(.client)
        test.connection.setReading(false)
        test.connection.close(code: 4000)
        #expect(try test.sentFrames() == [.close(code: 4000, reason: "")])
        try test.receive(RawFrame(opcode: 8, payload: [0x0F, 0xA0]).bytes)
        #expect(test.recorder.closes.map(\.summary) == ["local 4000"])
    }

    @Test
    func `A delegate that drops in a message hears nothing more`() throws {
        let test = try ConnectionUnderTest(.client) { _, connection in connection.drop() }
        var bytes = RawFrame.text(3).bytes
        bytes.writeImmutableBuffer(RawFrame.text(4).bytes)
        try test.receive(bytes)
        #expect(test.recorder.texts == ["aaa"])
        #expect(test.recorder.closes.map(\.summary) == ["dropped"])
        #expect(test.recorder.endedOnce)
    }

    @Test(arguments: [GatewayCompression.none, .zstdStream])
    func `A delegate that closes in a message hears no other`(compression: GatewayCompression) throws {
        let test = try ConnectionUnderTest(.client, compression) { _, connection in
            connection.send(ByteBuffer(string: "reply"))
            connection.close(code: 4000)
        }
        let encoder = try MessageEncoder(compression)
        var bytes = ByteBuffer()
        for text in ["one", "two", "three"] { try encoder.encode(ByteBuffer(string: text), into: &bytes) }
        bytes.writeCloseFrame(code: 4000, reason: "")
        try test.receive(bytes)
        #expect(test.recorder.texts == ["one"])
        #expect(try test.sentFrames() == [.text(ByteBuffer(string: "reply")), .close(code: 4000, reason: "")])
        #expect(test.recorder.closes.map(\.summary) == ["local 4000"])
    }

    @Test
    func `A binary message on an uncompressed connection is refused`() throws {
        let test = try ConnectionUnderTest(.client)
        try test.receive(RawFrame.binary(3).bytes)
        #expect(test.recorder.closes.map(\.summary) == ["failed unsupportedData"])
        #expect(try test.sentFrames().map { $0.summary.prefix(10) } == ["close 1003"])
    }

    @Test
    func `More than the unsent limit in one go cuts the connection`() throws {
        var limits = GatewayLimits.server
        limits.maxUnsentBytes = 1_000
        let test = try ConnectionUnderTest(.server, limits: limits)
        test.connection.send(ByteBuffer(repeating: 0x61, count: 600))
        test.connection.send(ByteBuffer(repeating: 0x61, count: 600))
        test.channel.embeddedEventLoop.run()
        #expect(test.recorder.closes.map(\.summary) == ["failed slowReader"])
        #expect(!test.channel.isActive)
    }

    @Test
    func `Sends of one tick leave in one write`() throws {
        let test = try ConnectionUnderTest(.server, .zstdStream)
        for index in 0..<100 { test.connection.send(ByteBuffer(string: "message \(index)")) }
        test.channel.embeddedEventLoop.run()
        let bytes = try #require(try test.channel.readOutbound(as: ByteBuffer.self))
        #expect(try test.channel.readOutbound(as: ByteBuffer.self) == nil)
        let client = try ConnectionUnderTest(.client, .zstdStream)
        try client.receive(bytes)
        #expect(client.recorder.texts == (0..<100).map { "message \($0)" })
    }

    @Test
    func `A client masks with changing keys`() throws {
        let test = try ConnectionUnderTest(.client)
        test.connection.send(ByteBuffer(string: "same"))
        test.connection.send(ByteBuffer(string: "same"))
        test.channel.embeddedEventLoop.run()
        let bytes = try #require(try test.channel.readOutbound(as: ByteBuffer.self))
        let (first, second) = (bytes.readableBytesView.prefix(10), bytes.readableBytesView.suffix(10))
        #expect(first[first.startIndex + 1] == 0x84)
        #expect(Array(first) != Array(second))
    }
}

extension WebSocketParser.Event {
    /// The parser does not keep a pong's payload.
    fileprivate var asPong: Self { .pong }
}
