import NIOCore
import Testing

@testable import ControlAPI

@Suite("Answers of slots, on the wire")
struct ControlAnswerTests {
    static let position = MembersChunk.Position(part: 1, parts: 3, attempt: 2, index: 4, count: 9)

    @Test(
        arguments: [
            .ok,
            .error(ControlProblem(.rateLimited, "wait", retryAfterMilliseconds: 1_500)),
            .error(ControlProblem(.init(rawValue: "of_the_future"), #"with ,"d": inside"#)),
            .chunk(
                MembersChunk(
                    position: position, payload: ByteBuffer(string: #"{"members":[{"nick":"\",\"d\":"}],"x":1.50}"#))),
        ] as [ControlAnswer])
    func `An answer is read as it was written`(answer: ControlAnswer) throws {
        #expect(try ControlAnswer(decoding: answer.encoded(), type: answer.type) == answer)
    }

    @Test func `Discord's bytes stay as they are, last in the object`() throws {
        let payload = #"{"members":[],"big":12345678901234567890,"f":1.10}"#
        let text = String(
            buffer: try ControlAnswer.chunk(
                MembersChunk(position: Self.position, payload: ByteBuffer(string: payload))
            ).encoded())
        #expect(text.hasSuffix(#","d":\#(payload)}"#))
        #expect(text.contains(#""more":true"#) && text.contains(#""v":1"#))
    }

    @Test(
        arguments: [
            ("", nil), ("{}", nil), (#"{"v":1,"status":"maybe","more":false}"#, nil),
            (#"{"v":1,"status":"error","more":false}"#, nil), (#"{"v":1,"status":"chunk","more":true}"#, "chunk"),
            (#"{"v":1,"status":"chunk","more":true},"d":1"#, "chunk"), (#"{"v":7,"status":"ok","more":false}"#, nil),
        ] as [(String, String?)])
    func `What is no answer is refused`(text: String, type: String?) {
        #expect(throws: ControlProblem.self) { try ControlAnswer(decoding: ByteBuffer(string: text), type: type) }
    }
}
