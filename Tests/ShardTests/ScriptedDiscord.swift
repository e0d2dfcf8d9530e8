import Foundation
import Gateway
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

/// A gateway that a test plays by hand: it hears every connection and says what the test wants.
final class ScriptedDiscord: Sendable {
    private let connections = Mutex<[ScriptedConnection]>([])
    private let server = Mutex<GatewayServer?>(nil)

    var url: String { "ws://127.0.0.1:\(self.server.withLock { $0?.port ?? 0 })" }
    var connectionCount: Int { self.connections.withLock { $0.count } }

    func start() async throws {
        let server = try await GatewayServer.start(group: MultiThreadedEventLoopGroup.singleton) {
            connection, request in
            let scripted = ScriptedConnection(connection, request)
            self.connections.withLock { $0.append(scripted) }
            return scripted
        }
        self.server.withLock { $0 = server }
    }

    func close() async { await self.server.withLock { $0.take() }?.close() }

    /// The connection of this number, counted from 0, once it is there.
    func connection(_ number: Int) async throws -> ScriptedConnection {
        try await eventually("gateway connection \(number)") { self.connectionCount > number }
        return self.connections.withLock { $0[number] }
    }
}

final class ScriptedConnection: GatewayConnectionDelegate {
    private struct State {
        var payloads: [(op: Int, text: String)] = []
        var closeCode: UInt16?
        var isClosed = false
    }

    let connection: GatewayConnection
    let request: GatewayRequest
    private let state = Mutex(State())

    init(_ connection: GatewayConnection, _ request: GatewayRequest) {
        self.connection = connection
        self.request = request
    }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        let text = String(buffer: message)
        let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        let op = object?["op"] as? Int ?? -1
        self.state.withLock { $0.payloads.append((op, text)) }
        if op == 1 { self.send(#"{"op":11}"#) }
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {
        self.state.withLock { state in
            state.isClosed = true
            if case .peer(let code, _) = reason { state.closeCode = code }
        }
    }

    var isClosed: Bool { self.state.withLock { $0.isClosed } }
    var closeCode: UInt16? { self.state.withLock { $0.closeCode } }

    func texts(op: Int) -> [String] {
        self.state.withLock { $0.payloads.filter { $0.op == op }.map(\.text) }
    }

    /// `d` of the first payload with this opcode, once it is there.
    func body(op: Int) async throws -> [String: Any] {
        try await eventually("op \(op) from the client") { !self.texts(op: op).isEmpty }
        let object = try JSONSerialization.jsonObject(with: Data(self.texts(op: op)[0].utf8)) as? [String: Any]
        return object?["d"] as? [String: Any] ?? [:]
    }

    /// Asks for a heartbeat, and returns it once it is there. A connection may send 120 payloads in a minute.
    func beat() async throws -> String {
        let before = self.texts(op: 1).count
        self.send(#"{"op":1,"d":null}"#)
        try await eventually("a heartbeat") { self.texts(op: 1).count > before }
        return self.texts(op: 1)[before]
    }

    /// Waits until the client has closed with this code: what it does elsewhere may be seen before its close frame.
    func closed(with code: UInt16) async throws {
        try await eventually("the close") { self.isClosed }
        #expect(self.closeCode == code)
    }

    func send(_ text: String) { self.connection.send(ByteBuffer(string: text)) }

    func hello(interval: Int = 40_000) {
        self.send(#"{"op":10,"d":{"heartbeat_interval":\#(interval)},"s":null,"t":null}"#)
    }

    func ready(session: String, resumeURL: String, guilds: [Int] = [], sequence: Int = 1) {
        let list = guilds.map { #"{"id":"\#($0)","unavailable":true}"# }.joined(separator: ",")
        self.send(
            #"{"op":0,"t":"READY","s":\#(sequence),"d":{"v":10,"session_id":"\#(session)","#
                + #""resume_gateway_url":"\#(resumeURL)","guilds":[\#(list)]}}"#
        )
    }

    func message(_ sequence: Int, guild: Int = 1 << 22, name: String = "MESSAGE_CREATE") {
        self.send(
            #"{"t":"\#(name)","s":\#(sequence),"op":0,"#
                + #""d":{"id":"\#(sequence)","guild_id":"\#(guild)","content":"hello \#(sequence)"}}"#
        )
    }

    func resumed(_ sequence: Int) { self.send(#"{"op":0,"t":"RESUMED","s":\#(sequence),"d":{}}"#) }
}
