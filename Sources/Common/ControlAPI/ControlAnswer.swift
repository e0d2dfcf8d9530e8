import Foundation
package import NIOCore
import NIOFoundationCompat

/// What a shard answers: any number of chunks, then `ok` or an error.
package enum ControlAnswer: Sendable, Equatable {
    /// Done. For what Discord does not acknowledge: handed to the gateway's socket.
    case ok
    case error(ControlProblem)
    /// A part of the result; more follows.
    case chunk(MembersChunk)

    /// AMQP's property `type`.
    package var type: String {
        switch self {
        case .ok: "ok"
        case .error: "error"
        case .chunk: "chunk"
        }
    }

    private struct Body: Codable {
        struct Problem: Codable {
            let code: String
            let message: String
            let retry_after: Int?
        }

        var v = ControlRequest.version
        let status: String
        let more: Bool
        var error: Problem?
        var chunk: MembersChunk.Position?
    }

    private static let mark = Array(",\"d\":".utf8)

    package func encoded() throws -> ByteBuffer {
        var body = Body(status: self.type, more: false)
        switch self {
        case .ok: break
        case .error(let problem):
            body.error = .init(
                code: problem.code.rawValue, message: problem.message, retry_after: problem.retryAfterMilliseconds)
        case .chunk(let chunk):
            body = Body(status: self.type, more: true, chunk: chunk.position)
            let head = try JSONEncoder().encode(body)
            // `d` comes last, as Discord sent it: a reader may cut there, for nothing before it holds a text of others.
            var bytes = ByteBuffer()
            bytes.reserveCapacity(head.count + Self.mark.count + chunk.payload.readableBytes)
            bytes.writeBytes(head.dropLast())
            bytes.writeBytes(Self.mark)
            bytes.writeImmutableBuffer(chunk.payload)
            bytes.writeInteger(UInt8(ascii: "}"))
            return bytes
        }
        return ByteBuffer(data: try JSONEncoder().encode(body))
    }

    /// - Parameter type: AMQP's property of the answer.
    /// - Throws: what is wrong with it, as a `.badRequest`.
    package init(decoding bytes: ByteBuffer, type: String?) throws(ControlProblem) {
        var head = bytes
        var payload: ByteBuffer?
        if type == "chunk" {
            let view = bytes.readableBytesView
            guard view.last == UInt8(ascii: "}"), let mark = view.firstRange(of: Self.mark) else {
                throw ControlProblem(.badRequest, "a chunk does not end with its d")
            }
            head = ByteBuffer(view[..<mark.lowerBound])
            head.writeInteger(UInt8(ascii: "}"))
            payload = ByteBuffer(view[mark.upperBound..<view.index(before: view.endIndex)])
        }
        let body: Body
        do {
            body = try JSONDecoder().decode(Body.self, from: head)
        } catch {
            throw ControlProblem(.badRequest, "an answer can't be read")
        }
        guard body.v == ControlRequest.version else {
            throw ControlProblem(.unsupportedVersion, "v: expected \(ControlRequest.version), was given \(body.v)")
        }
        switch (body.status, body.error, body.chunk, payload) {
        case ("ok", _, _, _): self = .ok
        case ("error", let error?, _, _):
            self = .error(
                ControlProblem(
                    .init(rawValue: error.code), error.message, retryAfterMilliseconds: error.retry_after))
        case ("chunk", _, let position?, let payload?):
            self = .chunk(MembersChunk(position: position, payload: payload))
        default: throw ControlProblem(.badRequest, "an answer says neither ok nor error nor chunk")
        }
    }
}
