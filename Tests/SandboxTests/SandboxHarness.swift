import AsyncHTTPClient
import Discord
import Foundation
import Gateway
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Runtime
import Synchronization

@testable import Sandbox

/// Runs a sandbox in this process for the length of `body`.
func withSandbox<Result>(
    _ change: (inout SandboxSettings) -> Void = { _ in },
    _ body: (SandboxClient) async throws -> Result
) async throws -> Result {
    var settings = SandboxSettings()
    settings.passwordIterations = 1_000
    settings.gateway.identifyInterval = .zero
    settings.rateLimits.scale = 1_000
    settings.rateLimits.global = 100_000
    settings.controlToken = Secret(SandboxClient.controlToken)
    change(&settings)
    let sandbox = try await makeSandbox(
        settings, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    do {
        let result = try await body(SandboxClient(sandbox: sandbox))
        await sandbox.stop()
        return result
    } catch {
        await sandbox.stop()
        throw error
    }
}

struct SandboxClient {
    struct Answer {
        let status: Int
        let headers: [String: String]
        let json: JSONValue
        let text: String
    }

    let sandbox: Sandbox

    static let botToken = "Bot " + SandboxSettings.developmentBotToken
    static let botID = SandboxSettings.applicationID.description

    func call(
        _ method: String, _ path: String, as token: String? = nil, _ body: JSONValue? = nil,
        bytes: String? = nil, contentType: String = "application/json", prefix: String = "/api/v10"
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: self.sandbox.baseURL + prefix + path)
        request.method = .init(rawValue: method)
        if let token { request.headers.add(name: "Authorization", value: token) }
        if let text = body?.text ?? bytes {
            request.headers.add(name: "Content-Type", value: contentType)
            request.body = .bytes(ByteBuffer(string: text))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let answer = try await response.body.collect(upTo: 64 << 20)
        let json = answer.readableBytes > 0 ? try? JSONValue(parsing: answer) : nil
        var headers: [String: String] = [:]
        for header in response.headers { headers[header.name.lowercased()] = header.value }
        return Answer(
            status: Int(response.status.code), headers: headers, json: json ?? .null, text: String(buffer: answer))
    }

    /// Logs a demo account in.
    func token(_ login: String) async throws -> String {
        let answer = try await self.call("POST", "/auth/login", ["login": .string(login), "password": "flotilla"])
        guard let token = answer.json["token"]?.string else { throw HarnessError(what: "no token: \(answer.text)") }
        return token
    }

    /// The channel of a demo guild.
    func channel(_ name: String = "general", guild: Int = 0) async throws -> String {
        let path = "/guilds/\(SandboxSettings.demoGuildIDs[guild])/channels"
        let list = try await self.call("GET", path, as: Self.botToken).json.array ?? []
        guard let id = list.first(where: { $0["name"]?.string == name })?["id"]?.string else {
            throw HarnessError(what: "no channel \(name)")
        }
        return id
    }

    func connect(
        compression: GatewayCompression = .none, version: Int = 10, url: String? = nil
    ) async throws -> GatewayTestClient {
        let incoming = GatewayTestClient.Incoming()
        let connection = try await GatewayClient.connect(
            to: GatewayURL(url ?? self.sandbox.gatewayURL, version: version, compression: compression),
            group: MultiThreadedEventLoopGroup.singleton, deadline: .now + .seconds(20), delegate: { _ in incoming })
        return GatewayTestClient(connection: connection, incoming: incoming)
    }

    /// A bot's session that has seen READY.
    func bot(
        shard: (Int, Int) = (0, 1), intents: UInt64 = Intents.documented.rawValue,
        compression: GatewayCompression = .none
    ) async throws -> (client: GatewayTestClient, ready: JSONValue) {
        let client = try await self.connect(compression: compression)
        _ = try await client.next(op: 10)
        client.identify(token: SandboxSettings.developmentBotToken, intents: intents, shard: shard)
        return (client, try await client.next(event: "READY"))
    }

    /// A bot's session of shard 0 of 1 that has its guilds: nothing more comes by itself.
    func settledBot(
        compression: GatewayCompression = .none
    ) async throws -> (client: GatewayTestClient, id: JSONValue) {
        let (client, ready) = try await self.bot(compression: compression)
        for _ in 0..<2 { _ = try await client.next(event: "GUILD_CREATE") }
        return (client, ready["session_id"] ?? .null)
    }

    /// A connection that has asked for a session.
    func resume(
        _ session: JSONValue, _ sequence: Int64, token: String = SandboxSettings.developmentBotToken,
        compression: GatewayCompression = .none, url: String? = nil
    ) async throws -> GatewayTestClient {
        let client = try await self.connect(compression: compression, url: url)
        client.send(op: 6, ["token": .string(token), "session_id": session, "seq": .integer(sequence)])
        return client
    }

    static let controlToken = "control-token-of-tests"

    /// A request below `/sandbox/v1`; needs `controlToken` in the settings.
    @discardableResult
    func control(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> Answer {
        try await self.call(method, path, as: "Bearer \(Self.controlToken)", body, prefix: "/sandbox/v1")
    }

    /// Lets a fault happen now, or later if it says so.
    func inflict(_ fault: JSONValue) async throws {
        let answer = try await self.control("POST", "/faults", fault)
        guard answer.status == 202 else { throw HarnessError(what: "the fault was refused: \(answer.text)") }
    }

    func person(_ login: String) async throws -> (client: GatewayTestClient, ready: JSONValue, token: String) {
        let token = try await self.token(login)
        let client = try await self.connect()
        _ = try await client.next(op: 10)
        client.send(op: 2, ["token": .string(token), "properties": [:]])
        return (client, try await client.next(event: "READY"), token)
    }
}

/// Time that only moves when told to.
final class ManualTime: Sendable {
    private let start = ContinuousClock.now
    private let offset = Mutex(Duration.zero)

    func advance(by duration: Duration) { self.offset.withLock { $0 += duration } }

    var clock: Hub.Clock {
        Hub.Clock(
            instant: { self.start + self.offset.withLock { $0 } },
            wall: { Timestamp(milliseconds: 1_767_323_045_678 + Int64(self.offset.withLock { $0 } / .milliseconds(1))) }
        )
    }
}

struct HarnessError: Error { let what: String }

/// The client's end of a gateway connection: what came, in order.
final class GatewayTestClient: Sendable {
    enum Item: Sendable {
        case message(JSONValue)
        case closed(End)
    }

    struct End: Sendable, Equatable {
        /// Of the server's close frame.
        var code: UInt16?
        /// Whether there was a close frame at all.
        var hadCloseFrame = false
        /// What the client's own end found wrong.
        var failure: GatewayError.Code?
    }

    final class Incoming: GatewayConnectionDelegate {
        let stream: AsyncStream<Item>
        let continuation: AsyncStream<Item>.Continuation

        init() { (self.stream, self.continuation) = AsyncStream.makeStream(of: Item.self) }

        func received(_ message: ByteBuffer, on connection: GatewayConnection) {
            if let json = try? JSONValue(parsing: message) { self.continuation.yield(.message(json)) }
        }

        func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {
            var end = End()
            if case .peer(let code, _) = reason { (end.code, end.hadCloseFrame) = (code, true) }
            if case .failed(let error) = reason { end.failure = error.code }
            self.continuation.yield(.closed(end))
            self.continuation.finish()
        }
    }

    let connection: GatewayConnection
    private let incoming: Incoming
    private let sequence = Mutex<Int64>(0)

    init(connection: GatewayConnection, incoming: Incoming) {
        self.connection = connection
        self.incoming = incoming
    }

    var lastSequence: Int64 { self.sequence.withLock { $0 } }

    func send(op: Int, _ data: JSONValue) {
        self.connection.send(JSONValue.object(["op": .integer(op), "d": data]).encoded)
    }

    func identify(token: String, intents: UInt64, shard: (Int, Int)) {
        self.send(
            op: 2,
            [
                "token": .string(token), "properties": ["os": "linux"], "intents": .integer(Int64(intents)),
                "shard": [.integer(shard.0), .integer(shard.1)],
            ])
    }

    /// The next item; fails after 20 s of silence.
    func next() async throws -> Item {
        let stream = self.incoming.stream
        return try await withThrowingTaskGroup(of: Item?.self) { group in
            group.addTask {
                for await item in stream { return item }
                return nil
            }
            group.addTask {
                try await Task.sleep(for: .seconds(20))
                throw HarnessError(what: "nothing came within 20 s")
            }
            defer { group.cancelAll() }
            guard let item = try await group.next() ?? nil else { throw HarnessError(what: "the stream is over") }
            if case .message(let json) = item, let number = json["s"]?.integer {
                self.sequence.withLock { $0 = number }
            }
            return item
        }
    }

    func next(op: Int64) async throws -> JSONValue {
        while true {
            switch try await self.next() {
            case .message(let json) where json["op"]?.integer == op: return json
            case .message: continue
            case .closed(let end): throw HarnessError(what: "closed with \(end) before op \(op)")
            }
        }
    }

    /// The `d` of the next dispatch of that name; others are passed over.
    func next(event: String) async throws -> JSONValue {
        while true {
            let message = try await self.next(op: 0)
            if message["t"]?.string == event { return message["d"] ?? .null }
        }
    }

    func closeCode() async throws -> UInt16? { try await self.end().code }

    /// How it ended; what came before is passed over.
    func end() async throws -> End {
        while true {
            if case .closed(let end) = try await self.next() { return end }
        }
    }

    /// Whether the next messages up to an ACK of a heartbeat sent now hold none but these: what was not sent before it
    /// will not come.
    func isQuiet(allowing events: Set<String> = []) async throws -> Bool {
        self.send(op: 1, .null)
        while true {
            let message = try await self.next(anyOf: [0, 1, 7, 9, 11])
            if message["op"]?.integer == 11 { return true }
            guard let name = message["t"]?.string, events.contains(name) else { return false }
        }
    }

    private func next(anyOf codes: Set<Int64>) async throws -> JSONValue {
        while true {
            switch try await self.next() {
            case .message(let json) where codes.contains(json["op"]?.integer ?? -1): return json
            case .message: continue
            case .closed(let end): throw HarnessError(what: "closed with \(end)")
            }
        }
    }
}
