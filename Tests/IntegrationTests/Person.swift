import Discord
import Foundation
import Gateway
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import TestSupport
import Testing

@testable import Sandbox

/// A human account that uses REST and gateway as the chat page does.
final class Person: Sendable {
    private let api: String
    private let token: String
    private let ears: Ears
    private let connection: GatewayConnection

    /// Logs in at a sandbox and hears its messages from now on.
    ///
    /// - Parameter sandbox: such as `http://127.0.0.1:8000`.
    init(_ login: String, at sandbox: String) async throws {
        self.api = "\(sandbox)/api/v10"
        let credentials: JSONValue = ["login": .string(login), "password": "flotilla"]
        let answer = try await HTTP.call("POST", "\(self.api)/auth/login", credentials)
        guard let token = answer.json["token"]?.string else { throw TestFailure("log-in: \(answer)") }
        self.token = token
        let gateway = try #require(try await HTTP.get("\(self.api)/gateway").json["url"]?.string)
        let ears = Ears()
        self.ears = ears
        self.connection = try await GatewayClient.connect(
            to: GatewayURL(gateway, compression: .none), group: MultiThreadedEventLoopGroup.singleton,
            deadline: .now + .seconds(20), delegate: { _ in ears })
        self.connection.send(
            JSONValue.object(["op": 2, "d": ["token": .string(token), "properties": ["os": "linux"]]]).encoded)
        try await eventually("READY for \(login)") { ears.isReady }
    }

    deinit { self.connection.drop() }

    /// Sends a request, and again after each 429 once its time is over.
    func call(_ method: String, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        for _ in 0..<20 {
            let answer = try await HTTP.call(method, self.api + path, authorization: self.token, body)
            if answer.status == 429 {
                let seconds = Double(answer.headers.first(name: "retry-after") ?? "") ?? 1
                try await Task.sleep(for: .milliseconds(Int64(seconds * 1000) + 1))
                continue
            }
            guard answer.status < 300 else { throw TestFailure("\(method) \(path): \(answer)") }
            return answer.status == 204 ? .null : answer.json
        }
        throw TestFailure("\(method) \(path): rate limited twenty times in a row")
    }

    /// The id of a guild's channel, and of the guild.
    func channel(_ name: String, of guild: String) async throws -> (channel: String, guild: String) {
        let guilds = try await self.call("GET", "/users/@me/guilds").array ?? []
        let id = try #require(guilds.first { $0["name"]?.string == guild }?["id"]?.string, "no guild \(guild)")
        let channels = try await self.call("GET", "/guilds/\(id)/channels").array ?? []
        return (try #require(channels.first { $0["name"]?.string == name }?["id"]?.string, "no channel \(name)"), id)
    }

    /// Posts a message and returns its id.
    func say(_ text: String, in channel: String) async throws -> String {
        let message = try await self.call("POST", "/channels/\(channel)/messages", ["content": .string(text)])
        return try #require(message["id"]?.string)
    }

    /// What was heard as a reply to this message so far.
    func replies(to message: String) -> [JSONValue] {
        self.ears.messages { $0["message_reference"]?["message_id"]?.string == message }
    }

    /// Messages that answer the use of a command.
    func commandAnswers(in channel: String) -> [JSONValue] {
        self.ears.messages { $0["channel_id"]?.string == channel && $0["interaction_metadata"] != nil }
    }

    /// Waits for the first reply to a message.
    func reply(to message: String, within limit: Duration = .seconds(30)) async throws -> JSONValue {
        try await eventually(within: limit, "a reply to message \(message)") {
            self.beat()
            return !self.replies(to: message).isEmpty
        }
        return self.replies(to: message)[0]
    }

    /// Keeps the gateway connection alive for as long as somebody waits.
    func beat() {
        if self.ears.heartbeatIsDue() { self.connection.send(ByteBuffer(string: #"{"op":1,"d":null}"#)) }
    }

    /// Every message of a channel from `first` on, as history has them.
    func history(of channel: String, since first: String) async throws -> [JSONValue] {
        var messages: [JSONValue] = []
        var after = String((UInt64(first) ?? 1) - 1)
        while true {
            let page = try await self.call("GET", "/channels/\(channel)/messages?after=\(after)&limit=50").array ?? []
            let fresh = page.sorted { ($0["id"]?.snowflake?.rawValue ?? 0) < ($1["id"]?.snowflake?.rawValue ?? 0) }
            messages += fresh
            guard page.count == 50, let last = fresh.last?["id"]?.string else { return messages }
            after = last
        }
    }
}

/// Collects what a gateway connection says.
private final class Ears: GatewayConnectionDelegate {
    private struct State {
        var isReady = false
        var messages: [JSONValue] = []
        var lastBeat = ContinuousClock.now
    }

    private let state = Mutex(State())

    var isReady: Bool { self.state.withLock { $0.isReady } }

    func messages(where condition: (JSONValue) -> Bool) -> [JSONValue] {
        self.state.withLock { $0.messages }.filter(condition)
    }

    func heartbeatIsDue() -> Bool {
        self.state.withLock { state in
            guard state.lastBeat.duration(to: .now) > .seconds(20) else { return false }
            state.lastBeat = .now
            return true
        }
    }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        // What is no JSON is no message.
        guard let payload = try? JSONValue(parsing: message), let data = payload["d"] else { return }
        self.state.withLock { state in
            switch payload["t"]?.string {
            case "READY": state.isReady = true
            case "MESSAGE_CREATE": state.messages.append(data)
            default: break
            }
        }
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {}
}
