import ClusterAPI
import Testing

@testable import Shard

@Suite("The number in heartbeats")
struct AcknowledgedWatermarkTests {
    private func state(_ session: String, _ sequence: Int64) -> SessionState {
        SessionState(sessionID: session, resumeURL: "wss://resume.test", sequence: sequence)
    }

    @Test func `It is what the coordinator has, and never ahead of it`() {
        var watermark = AcknowledgedWatermark()
        watermark.begin(session: "a")
        #expect(watermark.value == nil)
        watermark.acknowledged(self.state("a", 0))
        #expect(watermark.value == nil, "0 is no event's number")
        watermark.acknowledged(self.state("a", 7))
        #expect(watermark.value == 7)
        watermark.acknowledged(self.state("a", 5))
        #expect(watermark.value == 7, "an answer that came late")
    }

    @Test func `A granted session begins with what was granted`() {
        var watermark = AcknowledgedWatermark()
        watermark.begin(session: "a", granted: 40)
        #expect(watermark.value == 40)
        watermark.begin(session: "b", granted: 0)
        #expect(watermark.value == nil)
    }

    @Test func `Another session's number is not taken`() {
        var watermark = AcknowledgedWatermark()
        watermark.begin(session: "b")
        watermark.acknowledged(self.state("a", 900))
        #expect(watermark.value == nil)
        watermark.end()
        watermark.acknowledged(self.state("b", 3))
        #expect(watermark.value == nil)
    }
}
