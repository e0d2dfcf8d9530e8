import Foundation
import Gateway
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Sandbox

@Suite("The sandbox as a process", .timeLimit(.minutes(1)))
struct SandboxProcessTests {
    private static func start() async throws -> (program: ChildProcess, url: String) {
        let port = try quietPort()
        let program = try ChildProcess(
            try Programs.sandbox, [],
            environment: [
                "FLOTILLA_SANDBOX_HTTP_PORT": "\(port)", "FLOTILLA_SANDBOX_GATEWAY_PORT": "0",
                "FLOTILLA_LOG_FORMAT": "json",
            ])
        try await program.wait(for: "sandbox is ready")
        return (program, "http://127.0.0.1:\(port)")
    }

    @Test func `A body above Discord's bound gets 413, and the next request is served`() async throws {
        let (program, url) = try await Self.start()
        let port = try #require(URL(string: url)?.port)
        let head = "POST /api/v10/auth/login HTTP/1.1\r\nHost: sandbox\r\nContent-Type: application/json\r\n"
        let announced = try await RawHTTP.exchange(
            "\(head)Content-Length: \((25 << 20) + 1)\r\n\r\n{", port: port, silence: .seconds(20))
        #expect(announced.hasPrefix("HTTP/1.1 413 ") && announced.contains("\"code\":40005"), "\(announced)")
        let chunk = "100000\r\n\(String(repeating: " ", count: 1 << 20))\r\n"
        let streamed = try await RawHTTP.exchange(
            "\(head)Transfer-Encoding: chunked\r\n\r\n\(String(repeating: chunk, count: 26))", port: port,
            silence: .seconds(20))
        #expect(streamed.hasPrefix("HTTP/1.1 413 "), "\(streamed)")
        #expect(try await HTTP.get("\(url)/api/v10/gateway").status == 200)
        try await program.stop()
    }

    @Test(arguments: [
        "\r\n\r\n", "GET\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ])
    func `Bytes that are no HTTP end their connection, and no other`(bytes: String) async throws {
        let (program, url) = try await Self.start()
        let port = try #require(URL(string: url)?.port)
        let answer = try await RawHTTP.exchange(bytes, port: port)
        #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 400 "), "\(answer)")
        #expect(try await HTTP.get("\(url)/api/v10/gateway").status == 200)
        try await program.stop()
    }

    @Test(arguments: ["not JSON", "{\"op\":1", "", "{\"op\":1,\"d\":\u{1}}"])
    func `A frame that is no JSON closes its connection with 4002, and no other`(frame: String) async throws {
        let (program, url) = try await Self.start()
        let gateway = try #require(try await HTTP.get("\(url)/api/v10/gateway").json["url"]?.string)
        let ends = CloseCodes()
        let other = CloseCodes()
        let bystander = try await Self.connect(gateway, other)
        let connection = try await Self.connect(gateway, ends)
        connection.send(ByteBuffer(string: frame))
        try await eventually("the end of the connection") { ends.isClosed }
        #expect(ends.code == 4002)
        bystander.send(ByteBuffer(string: #"{"op":1,"d":null}"#))
        try await eventually("a heartbeat's acknowledgement") { other.texts.contains { $0.contains("\"op\":11") } }
        bystander.drop()
        program.signal(SIGTERM)
        #expect(try await program.exitStatus(within: .seconds(30)) == 0)
    }

    private static func connect(_ gateway: String, _ delegate: CloseCodes) async throws -> GatewayConnection {
        try await GatewayClient.connect(
            to: GatewayURL(gateway, compression: .none), group: MultiThreadedEventLoopGroup.singleton,
            deadline: .now + .seconds(20), delegate: { _ in delegate })
    }
}

/// What a connection said, and how it ended.
private final class CloseCodes: GatewayConnectionDelegate {
    private struct State {
        var texts: [String] = []
        var isClosed = false
        var code: UInt16?
    }

    private let state = Mutex(State())

    var texts: [String] { self.state.withLock { $0.texts } }
    var isClosed: Bool { self.state.withLock { $0.isClosed } }
    var code: UInt16? { self.state.withLock { $0.code } }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        self.state.withLock { $0.texts.append(String(buffer: message)) }
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {
        self.state.withLock { state in
            state.isClosed = true
            if case .peer(let code, _) = reason { state.code = code }
        }
    }
}
