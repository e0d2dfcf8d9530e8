import TestSupport

/// Faults and their times, drawn from a seed: the same seed, length and fleet give the same schedule.
package struct Schedule: Sendable, Equatable {
    package struct Step: Sendable, Equatable {
        /// From the schedule's beginning.
        package let at: Duration
        package let fault: ScheduledFault
    }

    package struct Fleet: Sendable, Equatable {
        /// Shard processes.
        package var processes = 4
        /// The application's shard count.
        package var shards = 16

        package init() {}
    }

    /// How long a member may be silent, in milliseconds: the coordinator's default.
    static let lease = 6000
    /// Codes after which a client goes on, one that nobody knows among them.
    package static let closeCodes: [Int?] = [
        nil, 1000, 1001, 4000, 4001, 4002, 4003, 4005, 4006, 4007, 4008, 4009, 4099,
    ]
    /// Codes after which it stops.
    package static let fatalCodes = [4004, 4010, 4011, 4012, 4013, 4014]
    /// The time in which every kind comes once, and the least that it takes.
    static let round: Duration = .seconds(90)
    package static let shortest: Duration = .seconds(48)

    package let seed: UInt64
    package let length: Duration
    package let steps: [Step]

    /// - Parameter length: at least ``shortest`` is taken; divided into equal rounds.
    package init(seed: UInt64, length: Duration, fleet: Fleet = Fleet()) {
        self.seed = seed
        self.length = max(length, Self.shortest)
        let rounds = max(1, Int(self.length / Self.round))
        let round = self.length / rounds
        var random = SeededGenerator(seed: seed)
        var steps: [Step] = []
        for number in 0..<rounds { steps += Self.round(of: round, from: round * number, fleet, &random) }
        self.steps = steps
    }

    /// Every kind once, in any order, spread over the time, but for the last seconds: what began has to end.
    private static func round(
        of length: Duration, from start: Duration, _ fleet: Fleet, _ random: inout SeededGenerator
    ) -> [Step] {
        let faults = self.kinds(fleet, &random).shuffled(using: &random)
        let pace = (length - .seconds(4)) / faults.count
        return faults.enumerated().map { index, fault in
            Step(at: start + pace * (Double(index) + Double.random(in: 0..<1, using: &random)), fault: fault)
        }
    }

    private static func kinds(_ fleet: Fleet, _ random: inout SeededGenerator) -> [ScheduledFault] {
        func shard() -> Int { Int.random(in: 0..<fleet.shards, using: &random) }
        func process() -> Int { Int.random(in: 0..<fleet.processes, using: &random) }
        func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
        func victims() -> ScheduledFault.Victims {
            Bool.random(using: &random) ? .one(number(0...1000)) : .percent(number(10...60))
        }
        // Each code meets another shard, as long as there are enough.
        let shards = Array(0..<fleet.shards).shuffled(using: &random)
        var faults: [ScheduledFault] = Self.closeCodes.enumerated().map { index, code in
            .gateway(.close(shard: shards[index % shards.count], code: code))
        }
        faults += Self.fatalCodes.enumerated().map { index, code in
            // A token that is refused takes all sessions with it; the others say nothing of a session that lived.
            let endsSession = code == 4004 || Bool.random(using: &random)
            return .gateway(
                .closeForGood(shard: shards[(index + 7) % shards.count], code: code, endsSession: endsSession))
        }
        faults += [
            .killShard(process(), downMilliseconds: number(0...3000)),
            .freezeShard(process(), milliseconds: number(500...4000)),
            .freezeShard(process(), milliseconds: number(8000...11_000)),
            .killCoordinator(downMilliseconds: number(0...3000)),
            .killBroker,
            .brokerMemoryAlarm(milliseconds: number(1000...5000)),
            .flushRedis,
            .killRedis,
            .gateway(.op7(percent: number(20...100))),
            .gateway(.op9(shard: shard(), resumable: true)),
            .gateway(.op9(shard: shard(), resumable: false)),
            .gateway(.drop(shard: shard())),
            .gateway(.stall(shard: shard(), milliseconds: number(1000...15_000))),
            .gateway(.deaf(shard: shard(), milliseconds: number(1000...8000))),
            .gateway(.duplicate(shard: shard(), count: number(1...200))),
            .gateway(.corruptStream(shard: shard())),
            .gateway(.outage(percent: number(2...10), milliseconds: number(1000...8000))),
            .gateway(.evict(shard: shard())),
            .network(.reset, victims: victims()),
            .network(.finish, victims: victims()),
            .network(.stall(milliseconds: number(1000...8000)), victims: victims()),
            .network(.silence, victims: .one(number(0...1000))),
            .network(.corrupt(offset: number(0...100_000)), victims: victims()),
            .network(.slow(bytesPerSecond: number(20_000...200_000)), victims: .one(number(0...1000))),
            .network(.halfOpen, victims: .one(number(0...1000))),
        ]
        return faults
    }
}

extension Schedule {
    /// Whether Redis loses what it has.
    var harmsRedis: Bool { self.steps.contains { $0.fault == .flushRedis || $0.fault == .killRedis } }

    /// Closes after which a client stops, in their order.
    var plantedCloses: [Checker.PlantedClose] {
        self.steps.compactMap { step in
            guard case .gateway(.closeForGood(let shard, let code, _)) = step.fault else { return nil }
            return Checker.PlantedClose(code: code, shard: shard)
        }
    }
}

extension Schedule: CustomStringConvertible {
    package var description: String {
        self.steps.map { step in
            let milliseconds = Int(step.at / .milliseconds(1))
            let fraction = String(milliseconds % 1000)
            let padding = String(repeating: "0", count: 3 - fraction.count)
            return "\(milliseconds / 1000).\(padding)\(fraction) s  \(step.fault)"
        }.joined(separator: "\n")
    }
}
