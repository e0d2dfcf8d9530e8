import NIOCore
import Redis

/// Keeps so many pipelines of SETs under way until its time is over and all are answered.
final class PipelinedSets: Sendable {
    private struct State {
        var nextKey = 0
        var underWay = 0
        var answered = 0
    }

    private let client: RedisClient
    private let keys: [RedisArgument]
    private let value: RedisArgument
    private let depth: Int
    private let deadline: NIODeadline
    private let finished: EventLoopPromise<Int>
    private let state: NIOLoopBoundBox<State>

    /// - Parameter finished: told how many commands were answered.
    init(
        _ client: RedisClient, keys: [RedisArgument], valueSize: Int, depth: Int, until deadline: NIODeadline,
        finished: EventLoopPromise<Int>
    ) {
        self.client = client
        self.keys = keys
        self.value = .buffer(ByteBuffer(repeating: UInt8(ascii: "x"), count: valueSize))
        self.depth = depth
        self.deadline = deadline
        self.finished = finished
        self.state = .makeBoxSendingValue(State(), eventLoop: client.eventLoop)
    }

    /// On the client's event loop.
    func start(pipelines: Int) {
        self.state.value.underWay = pipelines
        for _ in 0..<pipelines { self.send() }
    }

    private func send() {
        var pipeline = RedisPipeline(reservingBytes: self.depth * 160)
        var key = self.state.value.nextKey
        for _ in 0..<self.depth {
            pipeline.append("SET", self.keys[key], self.value)
            key = key + 1 == self.keys.count ? 0 : key + 1
        }
        self.state.value.nextKey = key
        self.client.send(pipeline) { results in self.answered(results) }
    }

    private func answered(_ results: [RESPValue]) {
        for case .error(let error) in results { return self.finished.fail(error) }
        self.state.value.answered += results.count
        if NIODeadline.now() < self.deadline { return self.send() }
        self.state.value.underWay -= 1
        if self.state.value.underWay == 0 { self.finished.succeed(self.state.value.answered) }
    }
}
