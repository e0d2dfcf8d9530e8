import Foundation
import Testing

@testable import OperatorConsole

@Suite("Numbers and times")
struct PhraseTests {
    @Test(arguments: [
        (0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1000, "-1,000"),
        (Int.min, "-9,223,372,036,854,775,808"),
    ])
    func `Counts have their thousands apart`(number: Int, text: String) { #expect(Phrase.count(number) == text) }

    @Test func `One is singular`() {
        #expect(Phrase.count(1, "slot") == "1 slot" && Phrase.count(0, "slot") == "0 slots")
        #expect(Phrase.count(2, "IDENTIFY", "IDENTIFYs") == "2 IDENTIFYs")
    }

    @Test(arguments: [
        (0, "0"), (0.04, "0.0"), (0.4, "0.4"), (12.34, "12.3"), (99.94, "99.9"), (99.96, "100"), (1234.6, "1,235"),
        (.infinity, "?"), (.nan, "?"), (1e300, "?"),
    ])
    func `Rates`(number: Double, text: String) { #expect(Phrase.rate(number) == text) }

    @Test(arguments: [
        (0.83, "0.8 ms"), (41.2, "41 ms"), (9.96, "10 ms"), (9999, "9999 ms"), (12_500, "12.5 s"), (.nan, "?"),
    ])
    func `Latencies`(number: Double, text: String) { #expect(Phrase.milliseconds(number) == text) }

    @Test(arguments: [
        (-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"),
        (7500, "2 h 5 min"), (86_400, "1 d"), (273_600, "3 d 4 h"), (.infinity, "?"),
    ])
    func `Durations`(seconds: Double, text: String) { #expect(Phrase.duration(seconds: seconds) == text) }

    @Test(arguments: [
        (0, "now"), (-0.5, "now"), (12, "12 s ago"), (-12, "in 12 s"), (90, "1 min ago"), (7200, "2 h ago"),
        (-200_000, "in 2 d"),
    ])
    func `Times are told from now`(seconds: Double, text: String) {
        let now = Fixture.start
        #expect(Phrase.relative(now.addingTimeInterval(-seconds), to: now) == text)
    }

    @Test func `A time at the end of the calendar is told, too`() {
        #expect(Phrase.relative(.distantFuture, to: .distantPast).hasPrefix("in "))
    }
}
