import AMQP
import TestSupport
import Testing

@Suite struct ConfirmTrackerTests {
    @Test func `Tags count from one and a single ack settles one`() throws {
        var tracker = ConfirmTracker()
        #expect(tracker.published(3) == 1)
        #expect(tracker.published() == 4)
        try tracker.settle(1, multiple: false, acked: true)
        #expect(tracker.confirmedThrough == 1)
        #expect(tracker.unsettledCount == 3)
    }

    @Test func `Out of order acks move the watermark only over the contiguous part`() throws {
        var tracker = ConfirmTracker()
        _ = tracker.published(5)
        try tracker.settle(3, multiple: false, acked: true)
        try tracker.settle(5, multiple: false, acked: true)
        #expect(tracker.confirmedThrough == 0)
        try tracker.settle(1, multiple: false, acked: true)
        #expect(tracker.confirmedThrough == 1)
        try tracker.settle(2, multiple: false, acked: true)
        #expect(tracker.confirmedThrough == 3)
        try tracker.settle(4, multiple: false, acked: true)
        #expect(tracker.confirmedThrough == 5)
        #expect(tracker.unsettledCount == 0)
    }

    @Test func `Multiple settles all below, and those settled before only once`() throws {
        var tracker = ConfirmTracker()
        _ = tracker.published(6)
        try tracker.settle(2, multiple: false, acked: true)
        var seen: [UInt64] = []
        try tracker.settle(4, multiple: true, acked: true) { tag, _ in seen.append(tag) }
        #expect(seen == [1, 3, 4])
        #expect(tracker.confirmedThrough == 4)
        try tracker.settle(0, multiple: true, acked: true)
        #expect(tracker.confirmedThrough == 6)
    }

    @Test func `A nack or a return stops the watermark for good`() throws {
        var tracker = ConfirmTracker()
        _ = tracker.published(5)
        try tracker.returned(4)
        var outcomes: [UInt64: ConfirmTracker.Outcome] = [:]
        try tracker.settle(2, multiple: false, acked: false) { outcomes[$0] = $1 }
        try tracker.settle(5, multiple: true, acked: true) { outcomes[$0] = $1 }
        #expect(outcomes == [1: .acked, 2: .nacked, 3: .acked, 4: .returned, 5: .acked])
        #expect(tracker.confirmedThrough == 1)
    }

    @Test func `Confirms of what was never published are protocol violations`() {
        var tracker = ConfirmTracker()
        _ = tracker.published(2)
        #expect(throws: AMQPError.self) { try tracker.settle(3, multiple: true, acked: true) }
        #expect(throws: AMQPError.self) { try tracker.settle(.max, multiple: false, acked: true) }
        #expect(throws: AMQPError.self) { try tracker.settle(0, multiple: false, acked: true) }
        #expect(throws: AMQPError.self) { try tracker.returned(3) }
        #expect(throws: AMQPError.self) { try tracker.returned(0) }
        #expect(tracker.unsettledCount == 2)
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `It agrees with a plain model`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var tracker = ConfirmTracker()
        var model: [Bool?] = []
        for _ in 0..<300 {
            if Bool.random(using: &generator) || model.isEmpty {
                let count = Int.random(in: 1...4, using: &generator)
                #expect(tracker.published(count) == UInt64(model.count + 1))
                model += Array(repeating: nil, count: count)
            } else {
                let tag = Int.random(in: 1...model.count, using: &generator)
                let multiple = Int.random(in: 0..<4, using: &generator) == 0
                let acked = Int.random(in: 0..<20, using: &generator) > 0
                try tracker.settle(UInt64(tag), multiple: multiple, acked: acked)
                for index in (multiple ? 0 : tag - 1)..<tag where model[index] == nil { model[index] = acked }
            }
            #expect(tracker.confirmedThrough == UInt64(model.prefix { $0 == true }.count))
            #expect(tracker.unsettledCount == model.count { $0 == nil })
        }
    }
}
