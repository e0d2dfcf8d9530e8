import Testing

@testable import Harness

@Suite("Recording")
struct RecordingTests {
    private static let headers = MessageHeaders(
        session: "a", epoch: 3, application: "10", generation: 1, shard: 0, numShards: 1, firstSequence: 5,
        lastSequence: 6, count: 2)

    private static func record(_ body: String, _ headers: MessageHeaders = Self.headers) -> Recording {
        var recording = Recording(lanes: 2)
        Array(body.utf8).withUnsafeBytes {
            recording.record(queue: 1, headers: headers, isRedelivered: false, at: 1, body: $0)
        }
        return recording
    }

    @Test func `Lines are taken apart, and unknown keys passed over`() {
        let recording = Self.record(
            "{\"s\":5,\"t\":\"MESSAGE_CREATE\",\"g\":\"7\",\"at\":1,\"new\":{\"d\":[\"}\"]},\"d\":foobar}\n"
                + "{\"s\":6,\"t\":\"READY\",\"at\":1,\"d\":{\"d\":\"\\n\"}}\n")
        #expect(recording.defects.isEmpty, "\(recording.defects)")
        let occurrences = recording.queues[1].occurrences
        #expect(occurrences.map(\.sequence) == [5, 6])
        #expect(occurrences.map(\.guild) == [1, 0] && recording.guilds.values == [7])
        #expect(occurrences.map { recording.names.values[Int($0.name)] } == ["MESSAGE_CREATE", "READY"])
        #expect(occurrences[0].hash == FNV1a.hash("foobar"))
        #expect(occurrences[1].hash == FNV1a.hash("{\"d\":\"\\n\"}"))
        #expect(recording.messages.count == 1 && recording.messages[0].epoch == 3)
    }

    @Test func `A gap record is kept apart from events`() {
        var headers = Self.headers
        headers.lastSequence = 5
        headers.count = 1
        let recording = Self.record(
            "{\"s\":5,\"t\":\"FLOTILLA_GAP\",\"at\":1,\"d\":{\"session\":\"a\",\"after\":5,\"reason\":\"evicted\"}}\n",
            headers)
        #expect(recording.defects.isEmpty, "\(recording.defects)")
        #expect(recording.eventCount == 0 && recording.queues[1].occurrences.map(\.isGap) == [true])
        #expect(recording.gaps.map(\.after) == [5] && recording.gaps.map(\.session) == ["a"])
    }

    @Test(arguments: [
        "", "{\"s\":5,\"t\":\"A\",\"d\":1}\n", "{\"s\":5,\"t\":\"A\",\"d\":1}\n{\"s\":6,\"t\":\"A\",\"d\":1}",
        "{\"s\":5,\"t\":\"A\",\"d\":1}\n{\"s\":7,\"t\":\"A\",\"d\":1}\n", "no JSON\n{\"s\":6,\"t\":\"A\",\"d\":1}\n",
        "{\"s\":6,\"t\":\"A\",\"d\":1}\n{\"s\":5,\"t\":\"A\",\"d\":1}\n", "{\"d\":1,\"s\":5,\"t\":\"A\"}\n{}\n",
    ])
    func `A message that breaks its format is a defect`(body: String) {
        #expect(!Self.record(body).defects.isEmpty)
    }
}
