import AMQP
import ClusterAPI
import Logging
import NIOPosix
import Testing

@testable import Worker

@Suite("Lane consumers")
struct LaneConsumersTests {
    private let lanes = LaneConsumers { lane in
        QueueConsumer(
            queue: "lane.\(lane)", configuration: AMQPConfiguration(host: "127.0.0.1", user: "u", password: "p"),
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(), prefetch: 1, order: .strict,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        ) { _, _ in true }
    }

    @Test func `What runs follows what is granted`() {
        self.lanes.apply([.init(lane: 3, role: .primary), .init(lane: 1, role: .standby)])
        #expect(self.lanes.running == [1, 3])
        self.lanes.apply([.init(lane: 3, role: .primary), .init(lane: 1, role: .standby)])
        #expect(self.lanes.running == [1, 3])
        self.lanes.apply([.init(lane: 1, role: .primary)])
        #expect(self.lanes.running == [1])
        self.lanes.apply([])
        #expect(self.lanes.running.isEmpty)
    }
}
