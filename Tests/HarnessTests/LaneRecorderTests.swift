import AMQP
import Foundation
import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Harness

/// Against the real broker, in queues of its own vhost.
@Suite("Lane recorder", .timeLimit(.minutes(1)))
struct LaneRecorderTests {
    private static let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    @Test func `What is in the queues is written down once and in order, also through a lost connection`() async throws
    {
        let direct = try AMQPConfiguration(url: try TestEnvironment.amqpURL)
        let proxy = FaultProxy(to: direct.host, port: direct.port)
        try await proxy.start()
        var through = direct
        through.host = "127.0.0.1"
        through.port = proxy.port
        let prefix = "recorder-\(UUID().uuidString)."
        let queues = ["lane.0", "lane.1", "commands", "commands.expired"].map { prefix + $0 }
        let recorder = LaneRecorder(lanes: 2, prefix: prefix, amqp: through, logger: Self.logger)
        let connection = try await AMQPConnection.connect(
            direct, on: MultiThreadedEventLoopGroup.singleton.next(), logger: Self.logger)
        let channel = try await connection.openChannel()
        let outcome: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await recorder.run() }
                // Queues that come later are found.
                for queue in queues {
                    try await channel.declareQueue(queue, arguments: ["x-queue-type": "quorum"])
                }
                try await Self.publish(1...300, to: queues[1], on: channel)
                try await eventually("300 events") { recorder.eventCount >= 300 }
                proxy.apply(.reset)
                try await Self.publish(301...600, to: queues[1], on: channel)
                try await Self.publish(601...601, to: queues[2], on: channel)
                try await eventually("all events") {
                    Set(recorder.recording.queues.flatMap { $0.occurrences.map(\.sequence) }).count == 601
                }
                group.cancelAll()
            }
            let recording = recorder.recording
            #expect(recording.defects.isEmpty, "\(recording.defects)")
            #expect(recording.queues[0].occurrences.isEmpty && recording.queues[2].occurrences.count == 1)
            var seen: Set<UInt32> = []
            let firsts = recording.queues[1].occurrences.map(\.sequence).filter { seen.insert($0).inserted }
            #expect(firsts == Array(1...600))
            // What came twice came with the broker's mark, behind the interruption.
            seen = []
            for (position, occurrence) in recording.queues[1].occurrences.enumerated()
            where !seen.insert(occurrence.sequence).inserted {
                #expect(recording.messages[Int(occurrence.message)].isRedelivered)
                #expect(recording.queues[1].interruptions.contains { $0 > 0 && $0 <= position })
            }
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        for queue in queues { try await channel.deleteQueue(queue) }
        await connection.close()
        await proxy.stop()
        try outcome.get()
    }

    private static func publish(_ sequences: ClosedRange<Int>, to queue: String, on channel: AMQPChannel) async throws {
        try await channel.publishConfirmed(
            sequences.map { sequence in
                AMQPMessage(
                    exchange: "", routingKey: queue,
                    properties: AMQPProperties(
                        headers: [
                            "v": 1, "session": "a", "epoch": 1, "application": "10", "generation": 1, "shard": 0,
                            "num_shards": 1, "first_s": .int64(Int64(sequence)), "last_s": .int64(Int64(sequence)),
                            "count": 1,
                        ],
                        deliveryMode: .persistent),
                    body: ByteBuffer(string: "{\"s\":\(sequence),\"t\":\"A\",\"at\":1,\"d\":{}}\n"))
            })
    }
}
