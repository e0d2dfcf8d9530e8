import NIOCore
import Testing

@testable import Sandbox

@Suite struct OutgoingFlowTests {
    private func frame(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    @Test(arguments: [
        (OutgoingFlow.Hold.acknowledgements, [OutgoingFlow.Verdict.hold, .send, .send]),
        (.dispatches, [.send, .hold, .send]),
        (.everything, [.hold, .hold, .hold]),
    ])
    func `A hold stops what it names`(hold: OutgoingFlow.Hold, verdicts: [OutgoingFlow.Verdict]) {
        var flow = OutgoingFlow()
        _ = flow.begin(hold)
        let kinds: [OutgoingFlow.Kind] = [.acknowledgement, .dispatch, .control]
        #expect(kinds.map { flow.offer(self.frame("x"), $0) } == verdicts)
    }

    @Test func `What was held comes in order once nothing holds it any more`() {
        var flow = OutgoingFlow()
        let deaf = flow.begin(.dispatches)
        let all = flow.begin(.everything)
        for (text, kind) in [("1", OutgoingFlow.Kind.dispatch), ("a", .acknowledgement), ("2", .dispatch)] {
            #expect(flow.offer(self.frame(text), kind) == .hold)
        }
        #expect(flow.end(all).map { String(buffer: $0) } == ["a"], "the deaf socket still waits for its events")
        #expect(flow.offer(self.frame("b"), .acknowledgement) == .send)
        #expect(flow.offer(self.frame("3"), .dispatch) == .hold)
        #expect(flow.end(deaf).map { String(buffer: $0) } == ["1", "2", "3"])
        #expect(flow.heldBytes == 0 && !flow.isHeld)
        #expect(flow.offer(self.frame("4"), .dispatch) == .send && flow.end(deaf).isEmpty)
    }

    @Test func `ACKs that were swallowed never come`() {
        var flow = OutgoingFlow()
        let token = flow.begin(.acknowledgements)
        #expect(flow.offer(self.frame("ack"), .acknowledgement) == .hold)
        #expect(flow.end(token).isEmpty)
    }

    @Test func `What is held is bounded`() {
        var flow = OutgoingFlow()
        _ = flow.begin(.everything)
        let large = ByteBuffer(repeating: 0, count: OutgoingFlow.limit - 1)
        #expect(flow.offer(large, .dispatch) == .hold)
        #expect(flow.offer(self.frame("xx"), .dispatch) == .overflow)
    }

    @Test func `A silenced connection sends nothing, whatever ends`() {
        var flow = OutgoingFlow()
        _ = flow.begin(.dispatches)
        #expect(flow.offer(self.frame("1"), .dispatch) == .hold)
        flow.silence()
        #expect(flow.offer(self.frame("a"), .acknowledgement) == .hold)
        #expect(flow.endAll().isEmpty && flow.heldBytes == 0 && flow.isHeld)
    }
}
