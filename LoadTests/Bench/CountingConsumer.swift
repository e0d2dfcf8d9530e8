import AMQP
import CBaselines
import Logging
import NIOCore

/// Reads all lanes over one connection, acks, and counts events; of events that come alone also how old they are. When
/// the broker was away, it comes back.
final class CountingConsumer: Sendable {
    private struct State {
        var events = 0
        var messages = 0
        /// Deliveries without an ack, by lane.
        var unacked: [Int] = []
        var isTiming = false
        var delays: [Double] = []
    }

    private static let prefetch: UInt16 = 64
    private static let ackEach = 16

    private let eventLoop: any EventLoop
    private let state: NIOLoopBoundBox<State>

    private init(on eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        self.state = .makeBoxSendingValue(State(), eventLoop: eventLoop)
    }

    /// Reads for as long as the body takes.
    static func run<Result: Sendable>(
        url: String, on eventLoop: any EventLoop, _ body: @Sendable (CountingConsumer) async throws -> Result
    ) async throws -> Result {
        let consumer = CountingConsumer(on: eventLoop)
        let client = AMQPClient(
            configuration: try AMQPConfiguration(url: url), eventLoop: eventLoop,
            logger: Logger(label: "bench.consumer"),
            onConnection: { try await consumer.attach(to: $0) })
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await client.run() }
            defer { tasks.cancelAll() }
            _ = try await client.connection(within: .seconds(30))
            return try await body(consumer)
        }
    }

    private func attach(to connection: AMQPConnection) async throws {
        try await self.eventLoop.submit {
            self.state.value.unacked = Array(repeating: 0, count: LaneTopology.lanes)
        }.get()
        for lane in 0..<LaneTopology.lanes {
            let channel = try await connection.openChannel()
            try await channel.setPrefetch(Self.prefetch)
            try await channel.consume(LaneTopology.queue(lane)) { delivery in
                self.received(delivery, lane: lane, on: channel)
            }
        }
    }

    private func received(_ delivery: AMQPDelivery, lane: Int, on channel: AMQPChannel) {
        let now = NIODeadline.now().uptimeNanoseconds
        let count = Int(delivery.properties.headers["count"]?.integerValue ?? 0)
        self.state.value.events += count
        self.state.value.messages += 1
        if self.state.value.isTiming {
            channel.ack(delivery.deliveryTag)
            if let sentAt = Self.nonce(in: delivery.body), sentAt <= now {
                self.state.value.delays.append(Double(now - sentAt) / 1e6)
            }
            return
        }
        self.state.value.unacked[lane] += 1
        guard self.state.value.unacked[lane] >= Self.ackEach else { return }
        self.state.value.unacked[lane] = 0
        channel.ack(delivery.deliveryTag, multiple: true)
    }

    /// When the first event was handed to the gateway's socket: a replayed event's nonce tells.
    private static func nonce(in body: ByteBuffer) -> UInt64? {
        let mark = Array(#""nonce":""#.utf8)
        guard let place = body.readableBytesView.firstRange(of: mark) else { return nil }
        return UInt64(String(decoding: body.readableBytesView[place.upperBound...].prefix(19), as: UTF8.self))
    }

    var counts: (events: Int, messages: Int) {
        get async throws {
            try await self.eventLoop.submit { (self.state.value.events, self.state.value.messages) }.get()
        }
    }

    /// Waits until nothing has come for a while.
    func waitUntilQuiet(within limit: Duration = .seconds(60)) async throws {
        let deadline = ContinuousClock.now + limit
        var last = -1
        while ContinuousClock.now < deadline {
            let events = try await self.counts.events
            if events == last { return }
            last = events
            try await Task.sleep(for: .seconds(1))
        }
        throw BenchmarkError("the lanes were not empty within \(limit)")
    }

    /// From now on each delivery is acked and timed.
    func startTiming() async throws {
        try await self.eventLoop.submit { self.state.value.isTiming = true }.get()
    }

    /// Milliseconds from the gateway's socket to here, sorted; they begin anew.
    func takeDelays() async throws -> [Double] {
        try await self.eventLoop.submit {
            defer { self.state.value.delays = [] }
            return self.state.value.delays.sorted()
        }.get()
    }
}
