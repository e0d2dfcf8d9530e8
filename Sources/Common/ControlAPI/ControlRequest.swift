import Foundation
package import NIOCore
import NIOFoundationCompat

/// A command as it travels: `{"v":1,"command":"presence","timeout":5000,"d":{…}}`.
package struct ControlRequest: Sendable, Equatable {
    package static let version = 1
    package static let contentType = "application/json"
    /// No request that fits its own limits comes near this.
    package static let mostBytes = 512 << 10
    package static let timeouts: ClosedRange<Duration> = .milliseconds(1)...(.seconds(300))
    /// How long a request may wait in a member's queue.
    package static let longestQueued: Duration = .seconds(10)

    package let command: ControlCommand
    /// How long the requester waits, from when the shard takes the request: no clocks have to agree.
    package let timeout: Duration

    package init(_ command: ControlCommand, timeout: Duration) {
        self.command = command
        self.timeout = min(max(timeout, Self.timeouts.lowerBound), Self.timeouts.upperBound)
    }

    private struct Head: Decodable {
        let v: Int
        let command: String
        let timeout: Int
    }

    private struct Body<Data: Codable>: Codable {
        var v = ControlRequest.version
        let command: String
        let timeout: Int
        let d: Data
    }

    /// - Throws: `.unsupportedVersion`, `.unknownCommand` or `.badRequest`; the message names what was wrong.
    package init(decoding bytes: ByteBuffer) throws(ControlProblem) {
        guard bytes.readableBytes <= Self.mostBytes else {
            throw ControlProblem(.badRequest, "the body has more than \(Self.mostBytes) bytes")
        }
        let head = try Self.decode(Head.self, bytes)
        guard head.v == Self.version else {
            throw ControlProblem(.unsupportedVersion, "v: expected \(Self.version), was given \(head.v)")
        }
        guard let name = ControlCommand.Name(rawValue: head.command) else {
            let known = ControlCommand.Name.allCases.map(\.rawValue).joined(separator: ", ")
            throw ControlProblem(.unknownCommand, "command: expected one of \(known)")
        }
        let timeout = Duration.milliseconds(min(max(head.timeout, 0), 1_000_000_000))
        guard Self.timeouts.contains(timeout) else {
            throw ControlProblem(.badRequest, "timeout: expected 1 to 300000 milliseconds, was given \(head.timeout)")
        }
        self.timeout = timeout
        self.command =
            switch name {
            case .presence: .presence(try Self.decode(Body<PresenceUpdate>.self, bytes).d)
            case .voiceState: .voiceState(try Self.decode(Body<VoiceStateUpdate>.self, bytes).d)
            case .requestMembers: .requestMembers(try Self.decode(Body<MembersRequest>.self, bytes).d)
            case .soundboardSounds:
                .soundboardSounds(guilds: try Self.decode(Body<SoundboardSoundsRequest>.self, bytes).d.guildIDs)
            case .channelInfo: Self.channelInfo(try Self.decode(Body<ChannelInfoRequest>.self, bytes).d)
            }
    }

    private static func channelInfo(_ body: ChannelInfoRequest) -> ControlCommand {
        .channelInfo(guild: body.guildID, fields: body.fields)
    }

    package func encoded() throws -> ByteBuffer {
        switch self.command {
        case .presence(let update): try self.encode(update)
        case .voiceState(let update): try self.encode(update)
        case .requestMembers(let request): try self.encode(request)
        case .soundboardSounds(let guilds): try self.encode(SoundboardSoundsRequest(guildIDs: guilds))
        case .channelInfo(let guild, let fields): try self.encode(ChannelInfoRequest(guildID: guild, fields: fields))
        }
    }

    private func encode(_ data: some Codable) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        let body = Body(
            command: self.command.name.rawValue, timeout: Int(self.timeout / .milliseconds(1)), d: data)
        return ByteBuffer(data: try encoder.encode(body))
    }

    private static func decode<Value: Decodable>(
        _ type: Value.Type, _ bytes: ByteBuffer
    ) throws(ControlProblem) -> Value {
        do {
            return try JSONDecoder().decode(type, from: bytes)
        } catch let error as DecodingError {
            throw ControlProblem(.badRequest, Self.explain(error))
        } catch {
            throw ControlProblem(.badRequest, "the body can't be read")
        }
    }

    /// Where it is and what is wrong with it, without the value.
    private static func explain(_ error: DecodingError) -> String {
        func place(_ path: [any CodingKey], _ key: (any CodingKey)? = nil) -> String {
            let keys = (path + (key.map { [$0] } ?? [])).map { $0.intValue.map(String.init) ?? $0.stringValue }
            return keys.isEmpty ? "the body" : keys.joined(separator: ".")
        }
        switch error {
        case .keyNotFound(let key, let context): return "\(place(context.codingPath, key)) is missing"
        case .valueNotFound(_, let context): return "\(place(context.codingPath)) must not be null"
        case .typeMismatch(let type, let context):
            return "\(place(context.codingPath)): expected \(String(describing: type))"
        case .dataCorrupted(let context):
            return "\(place(context.codingPath)) can't be read: \(context.debugDescription)"
        @unknown default: return "the body can't be read"
        }
    }
}
