import AMQP
import Runtime
import TestSupport
import Testing

@testable import Worker

@Suite("Time of a delivery, on RabbitMQ and Redis", .timeLimit(.minutes(1)))
struct DeliveryTimeTests {
    /// A command that never has an answer.
    private struct HangingModule: WorkerModule {
        let commands = [
            Command(name: "hang", description: "Hangs.") { _ in
                // Cancelled: its answer comes too late.
                try? await Task.sleep(for: .seconds(50))
                return CommandReply(content: "late")
            }
        ]
    }

    private static func message(_ number: Int, _ content: String) -> String {
        #"{"s":\#(number),"t":"MESSAGE_CREATE","g":"1","at":1700000000000,"#
            + #""d":{"id":"\#(number)","channel_id":"5","author":{"id":"9"},"content":"\#(content)"}}"#
    }

    private func run(
        limit: Duration, tokens: String? = nil, _ body: (DeliverySurroundings) async throws -> Void
    ) async throws {
        try await DeliverySurroundings.with([PingModule(), HangingModule()], limit: limit, tokens: tokens, body)
    }

    @Test func `What Discord does not take in a delivery's time is parked, and its neighbours go on`() async throws {
        try await self.run(limit: .milliseconds(400)) { surroundings in
            var parked: [Int64: String] = [:]
            // Where the machine stands still, the time may be over before Discord was asked.
            for _ in 0..<5 {
                let delivery = try await surroundings.deliver(
                    [
                        Self.message(1, "!ping"), Self.message(2, "nothing"), Self.message(3, "!ping"),
                        #"{"s":4,"t":"TYPING_START","g":"1","at":1700000000000,"d":{}}"#,
                    ])
                #expect(await surroundings.handler.handle(delivery, surroundings.reader))
                parked = try await surroundings.parked()
                #expect(parked.keys.sorted() == [1, 3])
                if parked.values.allSatisfy({ $0.contains("POST /channels/{}/messages") }) { break }
            }
            #expect(parked.values.allSatisfy { $0.contains("POST /channels/{}/messages") }, "\(parked)")
            // Acked: nothing comes again.
            await surroundings.reader.close()
            #expect(try await surroundings.channel.get(surroundings.lane) == nil)
        }
    }

    @Test func `An event of an application without a token is parked with a reason that names it`() async throws {
        try await self.run(limit: .seconds(50), tokens: "10=t") { surroundings in
            let lines = [Self.message(1, "!ping"), Self.message(2, "nothing")]
            let delivery = try await surroundings.deliver(lines, application: "20")
            #expect(await surroundings.handler.handle(delivery, surroundings.reader))
            let parked = try await surroundings.parked()
            #expect(parked.keys.sorted() == [1])
            #expect(parked[1]?.contains("application 20") == true, "\(parked)")
            await surroundings.reader.close()
            #expect(try await surroundings.channel.get(surroundings.lane) == nil)
        }
    }

    @Test func `A module that hangs holds its lane no longer than a delivery may take`() async throws {
        try await self.run(limit: .milliseconds(300)) { surroundings in
            let delivery = try await surroundings.deliver([Self.message(1, "!hang"), Self.message(2, "!hang")])
            #expect(await surroundings.handler.handle(delivery, surroundings.reader))
            #expect(try await surroundings.parked().keys.sorted() == [1, 2])
        }
    }

    /// Parks one event, which takes all the room there is.
    private func fillParking(_ surroundings: DeliverySurroundings) async throws {
        let first = try await surroundings.deliver([Self.message(1, "!ping")], application: "20")
        #expect(await surroundings.handler.handle(first, surroundings.reader))
    }

    @Test func `While parking is full a lane waits`() async throws {
        try await DeliverySurroundings.with(
            [PingModule()], limit: .seconds(50), tokens: "10=t", parkingPatience: .seconds(50), parkingRoom: 1
        ) { surroundings in
            try await self.fillParking(surroundings)
            let second = try await surroundings.deliver([Self.message(2, "!ping")], application: "20")
            let handling = Task { await surroundings.handler.handle(second, surroundings.reader) }
            try await eventually("a refusal") {
                surroundings.metrics.prometheusText().contains("flotilla_worker_parking_refused_total 1")
            }
            #expect(try await surroundings.parked().keys.sorted() == [1])
            // Now there is room.
            #expect(await handling.value)
            #expect(try await surroundings.parked().keys.sorted() == [2])
            await surroundings.reader.close()
            #expect(try await surroundings.channel.get(surroundings.lane) == nil)
        }
    }

    @Test(arguments: [(QueueConsumer.Order.strict, Duration.milliseconds(600)), (.none, .seconds(50))])
    func `Without room in parking a delivery comes again, and without an order to keep at once`(
        order: QueueConsumer.Order, patience: Duration
    ) async throws {
        try await DeliverySurroundings.with(
            [PingModule()], limit: .milliseconds(100), tokens: "10=t", parkingPatience: patience, parkingRoom: 1
        ) { surroundings in
            try await self.fillParking(surroundings)
            let second = try await surroundings.deliver([Self.message(2, "!ping")], application: "20")
            #expect(await !surroundings.handler.handle(second, surroundings.reader, order: order))
            if order == .none {
                #expect(surroundings.metrics.prometheusText().contains("flotilla_worker_parking_refused_total 1"))
            }
            await surroundings.reader.close()
            #expect(try await surroundings.channel.get(surroundings.lane)?.redelivered == true)
            #expect(try await surroundings.parked().keys.sorted() == [1])
        }
    }

    @Test func `A handler whose connection is gone parks nothing and acks nothing`() async throws {
        try await self.run(limit: .seconds(50)) { surroundings in
            let delivery = try await surroundings.deliver([Self.message(1, "!hang"), Self.message(2, "!ping")])
            let handling = Task { await surroundings.handler.handle(delivery, surroundings.reader) }
            handling.cancel()
            #expect(await handling.value == false)
            #expect(try await surroundings.parked().isEmpty)
            await surroundings.reader.close()
            #expect(try await surroundings.channel.get(surroundings.lane)?.redelivered == true)
        }
    }

    @Test(arguments: [(1, 60.0, 180.0), (16, 60, 30), (24, 40, 20), (100, 9.6, 4.8), (1000, 0.96, 0.48)])
    func `All that is prefetched is done or parked long before the broker loses its patience`(
        prefetch: Int, seconds: Double, parking: Double
    ) {
        let limit = DeliveryLimit.limit(prefetch: prefetch)
        let patience = DeliveryLimit.parking(prefetch: prefetch)
        #expect(limit == .milliseconds(Int(seconds * 1000)) && patience == .milliseconds(Int(parking * 1000)))
        #expect((limit + patience) * prefetch <= DeliveryLimit.consumerTimeout * 4 / 5)
    }
}
