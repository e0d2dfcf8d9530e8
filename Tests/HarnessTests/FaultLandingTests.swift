import Foundation
import TestSupport
import Testing

@testable import Harness

@Suite("Checker, faults")
struct FaultLandingTests {
    private static let first = ScheduledFault.gateway(.close(shard: 3, code: 4009))
    private static let second = ScheduledFault.gateway(.close(shard: 1, code: 4009))

    private static func line(_ number: Int64, id: Int64, _ members: String) -> String {
        #"{"at":9000,"n":\#(number),"kind":"fault","fault":"close","id":\#(id),"code":4009,\#(members)}"#
    }

    private static func verdict(
        _ lines: [String], _ plantings: [Planting], planned: [ScheduledFault] = [Self.first, Self.second]
    ) throws -> Verdict {
        var history = LedgerHistory()
        for line in lines { history.add(try LedgerTests.line(line)) }
        return Checker(history: history, recording: Recording(lanes: 4), terms: CheckerTerms())
            .faults(planned, plantings)
    }

    @Test func `A code that never met a session is told by name`() throws {
        let missed = #""sessions":[],"conns":[]"#
        let verdict = try Self.verdict(
            [Self.line(1, id: 7, missed), Self.line(2, id: 8, missed), Self.line(3, id: 9, missed)],
            [Planting(Self.first, .ledger([7, 9])), Planting(Self.second, .ledger([8]))])
        #expect(verdict.checked == 1 && verdict.violationCount == 1, "\(verdict)")
        #expect(verdict.violations.first?.contains("close 4009") == true, "\(verdict)")
        // A connection without a session; a fault that the ledger does not know; one that was never asked for.
        let bare = [Self.line(1, id: 7, #""sessions":[],"conns":[5]"#)]
        #expect(!(try Self.verdict(bare, [Planting(Self.first, .ledger([7]))]).holds))
        #expect(!(try Self.verdict([], [Planting(Self.first, .ledger([7]))]).holds))
        #expect(!(try Self.verdict([], []).holds))
    }

    @Test func `One planting of two that met a session is enough`() throws {
        let verdict = try Self.verdict(
            [
                Self.line(1, id: 7, #""sessions":[],"conns":[]"#),
                Self.line(2, id: 8, #""sessions":["a"],"conns":[5]"#),
            ],
            [Planting(Self.first, .ledger([7])), Planting(Self.second, .ledger([8]))])
        #expect(verdict.holds && verdict.checked == 1, "\(verdict)")
        #expect(verdict.figures["landed"] == 1 && verdict.figures["met nobody"] == 1, "\(verdict)")
    }

    @Test func `Another kind does not stand for one that missed`() throws {
        let other = ScheduledFault.gateway(.close(shard: 3, code: 4008))
        let verdict = try Self.verdict(
            [Self.line(1, id: 7, #""sessions":["a"],"conns":[5]"#)],
            [Planting(Self.first, .ledger([7])), Planting(other, .ledger([8]))], planned: [Self.first, other])
        #expect(verdict.checked == 2 && verdict.violationCount == 1, "\(verdict)")
        #expect(verdict.violations.first?.contains("close 4008") == true, "\(verdict)")
    }

    @Test func `Connections, processes and guilds are met too`() throws {
        let cut = ScheduledFault.network(.finish, victims: .percent(10))
        let outage = ScheduledFault.gateway(.outage(percent: 5, milliseconds: 1000))
        let kill = ScheduledFault.killShard(0, downMilliseconds: 0)
        let guilds = #"{"at":9000,"n":1,"kind":"fault","fault":"outage","for_ms":1000,"id":2,"guilds":["11","12"]}"#
        let plantings = [Planting(cut, .met(3)), Planting(outage, .ledger([2])), Planting(kill, .met(1))]
        #expect(try Self.verdict([guilds], plantings, planned: [cut, outage, kill]).holds)
        let nobody = [Planting(cut, .met(0)), Planting(outage, .ledger([2])), Planting(kill, .met(0))]
        let none = guilds.replacingOccurrences(of: #"["11","12"]"#, with: "[]")
        #expect(try Self.verdict([none], nobody, planned: [cut, outage, kill]).violationCount == 3)
    }

    @Test func `Victims are chosen of the connections there are`() {
        #expect(ScheduledFault.Victims.one(7).chosen(of: [2, 4, 6]) == [4])
        #expect(ScheduledFault.Victims.percent(10).chosen(of: [2, 4, 6]) == [2])
        #expect(ScheduledFault.Victims.percent(67).chosen(of: [2, 4, 6]) == [2, 4])
        #expect(ScheduledFault.Victims.one(7).chosen(of: []).isEmpty)
        #expect(ScheduledFault.Victims.percent(60).chosen(of: []).isEmpty)
    }

    @Test func `Whom a fault met is read off the ledger's end`() async throws {
        let directory = try TemporaryDirectory("echo")
        // The last line is half written when the sandbox is asked.
        let path = try directory.write(
            Self.line(1, id: 6, #""sessions":[],"conns":[]"#) + "\n{\"at\":1,\"n\":2,\"ki", to: "ledger")
        var echo = try FaultEcho(ledger: path)
        #expect(try await echo.isMet(6, within: .zero) == nil)
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        let lines = [
            "nd\":\"rest\"}", Self.line(3, id: 8, #""sessions":[],"conns":[]"#),
            Self.line(4, id: 7, #""sessions":["a"],"conns":[5]"#),
        ]
        try file.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))
        var other = echo
        #expect(try await echo.isMet(7, within: .seconds(10)) == true)
        #expect(try await other.isMet(8, within: .seconds(10)) == false)
        // A whole last line is not read either.
        var later = try FaultEcho(ledger: path)
        #expect(try await later.isMet(7, within: .zero) == nil)
    }
}
