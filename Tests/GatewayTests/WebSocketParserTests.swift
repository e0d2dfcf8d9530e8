import NIOCore
import TestSupport
import Testing

@testable import Gateway

@Suite("WebSocket parser: RFC 6455", .timeLimit(.minutes(1)))
struct WebSocketParserTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var frames: [RawFrame]
        /// What comes out: messages and control frames in short, an error last.
        var expected: [String]
        var role = GatewayRole.client
    }

    static func letters(_ count: Int) -> String { String(repeating: "a", count: count) }

    static let cases: [Case] = [
        Case(testDescription: "text", frames: [RawFrame(opcode: 1, payload: [0x68, 0x69])], expected: ["text hi"]),
        Case(testDescription: "empty text", frames: [RawFrame(opcode: 1)], expected: ["text "]),
        Case(testDescription: "binary", frames: [RawFrame(opcode: 2, payload: [0xFF])], expected: ["binary 1"]),
        Case(testDescription: "126 bytes", frames: [.text(126)], expected: ["text \(letters(126))"]),
        Case(testDescription: "65535 bytes", frames: [.binary(65_535)], expected: ["binary 65535"]),
        Case(testDescription: "65536 bytes", frames: [.binary(65_536)], expected: ["binary 65536"]),
        Case(
            testDescription: "fragments with control frames in between",
            frames: [
                RawFrame(final: false, opcode: 1, payload: [0x61]), RawFrame(opcode: 9, payload: [0x70]),
                RawFrame(final: false, opcode: 0, payload: [0x62]), RawFrame(opcode: 10),
                RawFrame(opcode: 0, payload: [0x63]),
            ],
            expected: ["ping p", "pong", "text abc"]
        ),
        Case(
            testDescription: "a character cut by fragments",
            frames: [RawFrame(final: false, opcode: 1, payload: [0xE2, 0x82]), RawFrame(opcode: 0, payload: [0xAC])],
            expected: ["text €"]
        ),
        Case(
            testDescription: "empty fragments",
            frames: [RawFrame(final: false, opcode: 2), RawFrame(final: false, opcode: 0), RawFrame(opcode: 0)],
            expected: ["binary 0"]
        ),
        Case(testDescription: "ping of 125", frames: [.control(9, 125)], expected: ["ping \(letters(125))"]),
        Case(testDescription: "ping of 126", frames: [.control(9, 126)], expected: ["1002"]),
        Case(testDescription: "fragmented ping", frames: [RawFrame(final: false, opcode: 9)], expected: ["1002"]),
        Case(testDescription: "fragmented close", frames: [RawFrame(final: false, opcode: 8)], expected: ["1002"]),
        Case(testDescription: "continuation of nothing", frames: [RawFrame(opcode: 0)], expected: ["1002"]),
        Case(
            testDescription: "continuation after the end",
            frames: [RawFrame(final: false, opcode: 1), RawFrame(opcode: 0), RawFrame(opcode: 0)],
            expected: ["text ", "1002"]
        ),
        Case(
            testDescription: "a message inside a message",
            frames: [RawFrame(final: false, opcode: 1), RawFrame(opcode: 1)], expected: ["1002"]
        ),
        Case(
            testDescription: "needlessly long form of 2",
            frames: [RawFrame(opcode: 2, payload: [1], lengthBytes: 2)], expected: ["1002"]
        ),
        Case(
            testDescription: "needlessly long form of 8",
            frames: [RawFrame(opcode: 2, payload: [1], lengthBytes: 8)], expected: ["1002"]
        ),
        Case(
            testDescription: "invalid text", frames: [RawFrame(opcode: 1, payload: [0xC3, 0x28])], expected: ["1007"]),
        Case(testDescription: "cut text", frames: [RawFrame(opcode: 1, payload: [0xE2, 0x82])], expected: ["1007"]),
        Case(
            testDescription: "surrogate",
            frames: [RawFrame(opcode: 1, payload: [0xED, 0xA0, 0x80])], expected: ["1007"]
        ),
        Case(testDescription: "close without code", frames: [RawFrame(opcode: 8)], expected: ["close none "]),
        Case(testDescription: "close of one byte", frames: [RawFrame(opcode: 8, payload: [3])], expected: ["1002"]),
        Case(
            testDescription: "close reason not UTF-8",
            frames: [RawFrame(opcode: 8, payload: [0x03, 0xE8, 0xFF])], expected: ["1007"]
        ),
        Case(
            testDescription: "close reason",
            frames: [RawFrame(opcode: 8, payload: [0x0F, 0xA0, 0x68, 0x69])], expected: ["close 4000 hi"]
        ),
        Case(testDescription: "the server masks", frames: [RawFrame(opcode: 1, masked: true)], expected: ["1002"]),
        Case(
            testDescription: "the client does not mask",
            frames: [RawFrame(opcode: 1)], expected: ["1002"], role: .server
        ),
        Case(
            testDescription: "the client masks",
            frames: [RawFrame(opcode: 1, payload: [0x68, 0x69, 0x68, 0x69, 0x21], masked: true)],
            expected: ["text hihi!"], role: .server
        ),
    ]

    @Test(arguments: Self.cases)
    func `Frames give what the RFC asks`(_ example: Case) {
        let bytes = example.frames.map(\.bytes)
        #expect(Self.parse(bytes, role: example.role) == example.expected)
        let joined = bytes.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
        #expect(Self.parse([joined], role: example.role) == example.expected)
        let single = joined.readableBytesView.map { ByteBuffer(bytes: [$0]) }
        #expect(Self.parse(single, role: example.role) == example.expected, "byte by byte")
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6, 7])
    func `A reserved bit fails`(bits: UInt8) {
        #expect(Self.parse([RawFrame(reserved: bits, opcode: 1).bytes]) == ["1002"])
    }

    @Test(arguments: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
    func `A reserved opcode fails`(opcode: UInt8) {
        #expect(Self.parse([RawFrame(opcode: opcode).bytes]) == ["1002"])
    }

    @Test(arguments: [
        (0, false), (999, false), (1000, true), (1001, true), (1002, true), (1003, true), (1004, false), (1005, false),
        (1006, false), (1007, true), (1011, true), (1014, true), (1015, false), (1016, false), (1100, false),
        (2999, false), (3000, true), (4000, true), (4014, true), (4999, true), (5000, false), (65_535, false),
    ])
    func `Only some close codes may be on the wire`(code: UInt16, isValid: Bool) {
        let frame = RawFrame(opcode: 8, payload: [UInt8(code >> 8), UInt8(code & 0xFF)])
        #expect(Self.parse([frame.bytes]) == [isValid ? "close \(code) " : "1002"])
    }

    @Test
    func `A length is refused before its payload comes`() {
        let limits = GatewayLimits(maxFrameBytes: 100, maxMessageBytes: 150)
        #expect(Self.parse([RawFrame.binary(100).bytes], limits: limits) == ["binary 100"])
        var header = RawFrame.binary(101).bytes
        #expect(Self.parse([header.readSlice(length: 2) ?? ByteBuffer()], limits: limits) == ["1009"])
        #expect(Self.parse([ByteBuffer(bytes: [0x82, 127, 0x7F, 255, 255, 255, 255, 255, 255, 255])]) == ["1009"])
        #expect(Self.parse([ByteBuffer(bytes: [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 1])]) == ["1002"])
    }

    @Test
    func `Fragments together keep to the message limit`() {
        let limits = GatewayLimits(maxFrameBytes: 100, maxMessageBytes: 150)
        let first = RawFrame(final: false, opcode: 2, payload: Array(repeating: 1, count: 100))
        let exact = RawFrame(opcode: 0, payload: Array(repeating: 1, count: 50))
        let over = RawFrame(opcode: 0, payload: Array(repeating: 1, count: 51))
        #expect(Self.parse([first.bytes, exact.bytes], limits: limits) == ["binary 150"])
        #expect(Self.parse([first.bytes, over.bytes], limits: limits) == ["1009"])
    }

    @Test
    func `Random bytes never trap`() {
        var random = SeededGenerator(seed: 6455)
        for _ in 0..<20_000 {
            let role: GatewayRole = Bool.random(using: &random) ? .client : .server
            let count = Int.random(in: 0...40, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            let cut = Int.random(in: 0...count, using: &random)
            let parts = [ByteBuffer(bytes: bytes[..<cut]), ByteBuffer(bytes: bytes[cut...])]
            if Self.parse(parts, role: role).count > 20 { Issue.record("\(bytes)") }
        }
    }

    static func parse(_ parts: [ByteBuffer], role: GatewayRole = .client, limits: GatewayLimits = .client) -> [String] {
        var parser = WebSocketParser(role: role, limits: limits)
        var result: [String] = []
        do {
            for part in parts {
                parser.append(part)
                while let event = try parser.next() { result.append(event.summary) }
            }
        } catch {
            result.append(error.closeCode.map(String.init) ?? "no code")
        }
        return result
    }
}

extension RawFrame {
    static func text(_ count: Int) -> RawFrame { RawFrame(opcode: 1, payload: Array(repeating: 0x61, count: count)) }
    static func binary(_ count: Int) -> RawFrame {
        RawFrame(opcode: 2, payload: Array(repeating: 0x61, count: count))
    }
    static func control(_ opcode: UInt8, _ count: Int) -> RawFrame {
        RawFrame(opcode: opcode, payload: Array(repeating: 0x61, count: count))
    }
}

extension WebSocketParser.Event {
    var summary: String {
        switch self {
        case .text(let text): "text \(String(buffer: text))"
        case .binary(let bytes): "binary \(bytes.readableBytes)"
        case .ping(let payload): "ping \(String(buffer: payload))"
        case .pong: "pong"
        case .close(let code, let reason): "close \(code.map(String.init) ?? "none") \(reason)"
        }
    }
}
