import Testing

@testable import Harness

@Suite("Schedule")
struct ScheduleTests {
    @Test func `A seed has one schedule`() {
        let first = Schedule(seed: 42, length: .seconds(45))
        #expect(first == Schedule(seed: 42, length: .seconds(45)))
        #expect(first.description == Schedule(seed: 42, length: .seconds(45)).description)
        #expect(first != Schedule(seed: 43, length: .seconds(45)))
    }

    @Test(arguments: 0..<20)
    func `Each round has every kind of fault, in time`(seed: Int) {
        let schedule = Schedule(seed: UInt64(seed), length: .seconds(300))
        let kinds = Set(schedule.steps.map(\.fault.kind))
        let first = Set(Schedule(seed: UInt64(seed), length: .seconds(1)).steps.map(\.fault.kind))
        #expect(first == kinds)
        for kind in [
            "kill -9 of a shard process", "SIGSTOP within the lease", "SIGSTOP beyond the lease",
            "kill -9 of the coordinator", "kill -9 of the broker", "broker memory alarm", "FLUSHALL",
            "kill -9 of Redis", "op 7", "op 9 true", "op 9 false", "TCP cut", "TCP stall", "TCP corruption",
        ] {
            #expect(first.contains(kind), "\(kind)")
        }
        for code in Schedule.closeCodes {
            #expect(first.contains("close \(code.map(String.init) ?? "without a code")"))
        }
        #expect(schedule.steps.allSatisfy { $0.at >= .zero && $0.at < schedule.length })
        #expect(schedule.steps.map(\.at) == schedule.steps.map(\.at).sorted())
    }
}
