import Testing

@testable import Sandbox

@Suite struct FaultScheduleTests {
    private func draw(_ text: String, _ count: Int) throws -> [FaultForm.Planned] {
        var schedule = try FaultSchedule(text)
        return (0..<count).compactMap { _ in schedule.next() }
    }

    @Test func `The same seed gives the same faults at the same times, another seed others`() throws {
        let spec = "every=1s,kinds=op7+op9+close+stall+drop"
        let first = try self.draw("seed=7,\(spec)", 200)
        #expect(first.count == 200)
        #expect(try self.draw("seed=7,\(spec)", 200) == first)
        #expect(try self.draw("seed=8,\(spec)", 200) != first)
    }

    @Test func `Times begin at the start and go on by half to one and a half times the mean`() throws {
        let drawn = try self.draw("seed=1,every=2s,start=5s,kinds=drop", 500)
        #expect(drawn.first?.at == .seconds(5))
        let gaps = zip(drawn.dropFirst(), drawn).map { $0.at - $1.at }
        #expect(gaps.allSatisfy { (.seconds(1)...(.seconds(3))).contains($0) })
        let mean = gaps.reduce(.zero, +) / gaps.count
        #expect((.milliseconds(1900)...(.milliseconds(2100))).contains(mean))
    }

    @Test func `Only the kinds that were asked for are drawn, and each of them is`() throws {
        let drawn = try self.draw("seed=3,every=1s,kinds=op9+close:4009+corrupt+outage", 300)
        #expect(Set(drawn.map(\.fault.kind)) == [.op9, .close, .corrupt, .outage])
        #expect(
            drawn.filter { $0.fault.kind == .close }.allSatisfy { $0.fault.action == .close(4009, endsSession: true) })
        let resumable = drawn.filter { $0.fault.action == .invalidSession(isResumable: true, endsSession: false) }
        #expect(!resumable.isEmpty && resumable.count < drawn.count { $0.fault.kind == .op9 })
    }

    @Test func `A random close says no code that stops a client for good`() throws {
        let codes = try self.draw("seed=5,every=1s,kinds=close", 500).map { planned -> UInt16? in
            if case .close(let code, _) = planned.fault.action { code } else { nil }
        }
        #expect(Set(codes) == Set(FaultSchedule.usualCodes.map { $0 == 0 ? nil : $0 }))
        #expect(codes.allSatisfy { $0 != 4004 && !($0.map { (4010...4014).contains($0) } ?? false) })
    }

    @Test func `Most faults meet one session, a share of them all`() throws {
        let some = try self.draw("seed=2,every=1s,kinds=drop,all=20", 500)
        let all = some.count { $0.fault.target == .all }
        #expect((50...150).contains(all))
        #expect(some.allSatisfy { $0.fault.target == .all || $0.fault.target.pick != nil })
        #expect(try self.draw("seed=2,every=1s,kinds=drop,all=0", 100).allSatisfy { $0.fault.target.pick != nil })
    }

    @Test func `It ends when its time is over`() throws {
        let drawn = try self.draw("seed=1,every=1s,for=10s,kinds=drop", 100)
        #expect((7...20).contains(drawn.count))
        #expect(drawn.allSatisfy { $0.at <= .seconds(11) })
    }

    @Test(arguments: [
        ("every=2s", "seed is missing"), ("seed=x", "seed=x"), ("seed=1,every=0", "every=0"),
        ("seed=1,kinds=op7+op8", "kinds=op7+op8"), ("seed=1,kinds=token_reset", "kinds"), ("seed=1,kinds=", "kinds"),
        ("seed=1,kinds=close:99", "kinds"), ("seed=1,kinds=drop:4000", "kinds"), ("seed=1,all=101", "all=101"),
        ("seed=1,seed=2", "seed=2"), ("seed=1,evry=2s", "evry"), ("seed", "seed"),
    ])
    func `What is wrong is named`(text: String, place: String) {
        #expect {
            try FaultSchedule(text)
        } throws: { error in
            "\(error)".contains(place)
        }
    }
}
