import AsyncHTTPClient
import ClusterAPI
import Foundation
import NIOCore
import NIOHTTP1

/// A shard process as its coordinator sees it: registers, and renews with all that it is granted, every session up.
struct RenewingMember {
    private let id: String
    private let url: String
    private let http: HTTPClient
    private var incarnation = 0
    private var applied = 0
    private var number = 0
    /// Of each slot: what does not change from one renewal to the next, around its watermark.
    private var lines: [(before: String, after: String)] = []
    private var watermark = 0

    init(number: Int, url: String, http: HTTPClient) {
        self.id = "bench-\(number)"
        self.url = url
        self.http = http
    }

    var slots: Int { self.lines.count }

    mutating func register() async throws {
        let registration = MemberRegistration(
            id: self.id, kind: .shard, capacity: 40, zone: "zone", version: "1", process: self.id)
        let body = ByteBuffer(bytes: try ClusterJSON.encoder().encode(registration))
        // The coordinator may not lead yet, or have others to make exchanges for.
        for _ in 0..<120 {
            if let answer = try? await self.post("/v1/members", body) {
                self.incarnation = try ClusterJSON.decoder().decode(MemberRegistered.self, from: Data(answer))
                    .incarnation
                return
            }
            try await Task.sleep(for: .milliseconds(500))
        }
        throw BenchmarkError("\(self.id) can't register")
    }

    /// Renews, and waits for the time of the next one.
    ///
    /// - Returns: how long the answer took, of a renewal that asked for it at once.
    mutating func renew() async throws -> Duration? {
        self.number += 1
        self.watermark += 20
        let isHeld = !self.number.isMultiple(of: 10)
        let asked = ContinuousClock.now
        let answer = try await self.post("/v1/members/\(self.id)/lease", self.renewal(wait: isHeld ? 1_000 : 0))
        let time = ContinuousClock.now - asked
        // Only what has changed costs this process the decoding.
        if !String(decoding: answer, as: UTF8.self).contains(#""version":\#(self.applied)}"#) {
            let desired = try ClusterJSON.decoder().decode(DesiredState.self, from: Data(answer))
            self.applied = desired.version
            self.lines = try desired.slots.map { try Self.line(of: $0) }
        }
        try await Task.sleep(until: asked + .seconds(1), clock: .continuous)
        return isHeld ? nil : time
    }

    private func renewal(wait: Int) -> ByteBuffer {
        var body =
            #"{"appliedVersion":\#(self.applied),"draining":false,"incarnation":\#(self.incarnation),"lanes":[],"#
            + #""number":\#(self.number),"slots":["#
        for (index, line) in self.lines.enumerated() {
            if index > 0 { body += "," }
            body += line.before
            body += String(self.watermark)
            body += line.after
        }
        body += #"],"waitMilliseconds":\#(wait)}"#
        return ByteBuffer(string: body)
    }

    private static func line(of grant: SlotGrant) throws -> (before: String, after: String) {
        let observed = ObservedSlot(
            slot: grant.slot, epoch: grant.epoch, status: .ready,
            session: SessionState(
                sessionID: "c5ab0d1f4ec2441b9ef0\(grant.slot.shard)", resumeURL: "wss://gateway-us-east1-b.discord.gg",
                sequence: 987_654_321),
            guilds: 1_873, eventsPerSecond: 21.372, bytesPerSecond: 18_231.25, latencyMilliseconds: 43.18,
            unsettledMilliseconds: 12, acknowledgedMilliseconds: 18_250)
        let parts = String(decoding: try ClusterJSON.encoder().encode(observed), as: UTF8.self)
            .components(separatedBy: "987654321")
        guard parts.count == 2 else { throw BenchmarkError("a slot's JSON has no watermark") }
        return (parts[0], parts[1])
    }

    private func post(_ path: String, _ body: ByteBuffer) async throws -> [UInt8] {
        var request = HTTPClientRequest(url: self.url + path)
        request.method = .POST
        request.headers = [
            "authorization": "Bearer \(CoordinatorProcess.memberToken)", "content-type": "application/json",
        ]
        request.body = .bytes(body)
        let response = try await self.http.execute(request, timeout: .seconds(10))
        let answer = try await response.body.collect(upTo: 1 << 20)
        guard (200..<300).contains(response.status.code) else {
            throw BenchmarkError("POST \(path): \(response.status.code) \(String(buffer: answer))")
        }
        return Array(answer.readableBytesView)
    }
}
