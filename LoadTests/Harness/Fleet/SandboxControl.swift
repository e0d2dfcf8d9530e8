import AsyncHTTPClient
import Foundation
package import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// The sandbox' routes below `/sandbox/v1`.
package struct SandboxControl: Sendable {
    private let baseURL: String
    private let token: String

    /// - Parameter baseURL: such as `http://127.0.0.1:8080`.
    package init(baseURL: String, token: String) {
        self.baseURL = baseURL
        self.token = token
    }

    private struct Faults: Decodable {
        struct Fault: Decodable { let id: Int64 }

        let faults: [Fault]
    }

    /// Returns the sandbox's number of it.
    package func add(_ fault: GatewayFault, shards: Int) async throws -> Int64 {
        let answer = try JSONDecoder().decode(
            Faults.self, from: try await self.call("POST", "/faults", fault.body(shards: shards)))
        guard let fault = answer.faults.first else { throw HarnessError("the sandbox gave the fault no number") }
        return fault.id
    }

    package func setTraffic(eventsPerSecond: Int) async throws {
        _ = try await self.call("POST", "/traffic", "{\"eventsPerSecond\":\(eventsPerSecond)}")
    }

    private struct Sessions: Decodable {
        struct Session: Decodable {
            let connected: Bool
            let shard: [Int]?
        }

        let sessions: [Session]
    }

    /// Whether a shard has a session with a client.
    func hasClient(shard: Int, of shards: Int) async throws -> Bool {
        let answer = try JSONDecoder().decode(Sessions.self, from: try await self.get("/sessions"))
        return answer.sessions.contains { $0.connected && $0.shard == [shard, shards] }
    }

    package func get(_ path: String) async throws -> ByteBuffer { try await self.call("GET", path, nil) }

    private func call(_ method: String, _ path: String, _ body: String?) async throws -> ByteBuffer {
        var request = HTTPClientRequest(url: "\(self.baseURL)/sandbox/v1\(path)")
        request.method = .RAW(value: method)
        request.headers.add(name: "authorization", value: "Bearer \(self.token)")
        if let body {
            request.headers.add(name: "content-type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        let answer = try await response.body.collect(upTo: 256 << 20)
        guard (200..<300).contains(response.status.code) else {
            throw HarnessError(
                "the sandbox answers \(method) \(path) with \(response.status.code): "
                    + String(String(buffer: answer).prefix(300)))
        }
        return answer
    }
}
