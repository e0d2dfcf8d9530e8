import ClusterAPI
import Discord
import Logging
import NIOCore
import Runtime
import Synchronization
import Testing

@testable import Worker

@Suite("Gap records at a worker")
struct GapHandlerTests {
    private final class Listener: WorkerModule {
        let heard = Mutex<[(GapRecord, String)]>([])
        var commands: [Command] { [] }

        func sessionLost(_ record: GapRecord, lane: String) { self.heard.withLock { $0.append((record, lane)) } }
    }

    private func handler(_ listener: Listener, _ metrics: MetricRegistry) -> GapHandler {
        GapHandler(
            modules: [PingModule(), listener], metrics: WorkerMetrics(metrics),
            logger: Logger(label: "gaps", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    @Test func `A record is counted, and every module hears it`() throws {
        let listener = Listener()
        let metrics = MetricRegistry()
        let events = try WorkerEvent.events(
            in: ByteBuffer(
                string:
                    #"{"s":42,"t":"FLOTILLA_GAP","at":1700000000123,"d":{"application":"7","generation":2,"shard":3,"#
                    + #""num_shards":4,"session":"abc","after":42,"reason":"invalid_session"}}"# + "\n"))
        let event = try #require(events.first)
        #expect(event.name == GapRecord.eventName && event.guildID == nil)
        try self.handler(listener, metrics).handle(event, lane: "lane.5")
        let slot = Slot(application: 7, generation: 2, shard: 3)
        let gap = SessionGap(session: "abc", after: 42, reason: "invalid_session", numShards: 4, atMilliseconds: 0)
        listener.heard.withLock { heard in
            #expect(heard.map(\.0) == [GapRecord(slot: slot, gap: gap)])
            #expect(heard.map(\.1) == ["lane.5"])
        }
        #expect(metrics.prometheusText().contains("flotilla_worker_gaps_total 1"))
    }

    @Test func `A record that is none is an error`() {
        let event = WorkerEvent(
            sequence: 1, name: GapRecord.eventName, guildID: nil, receivedAt: 1,
            payload: ByteBuffer(string: #"{"shard":3}"#))
        #expect(throws: DecodingError.self) {
            try self.handler(Listener(), MetricRegistry()).handle(event, lane: "lane.0")
        }
    }
}
