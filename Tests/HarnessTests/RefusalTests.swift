import Foundation
import Testing

@testable import Harness

@Suite("Checker, refusals")
struct RefusalTests {
    /// A shard that is closed with 4014 and, after a leave to go on, identifies anew.
    private static let ready =
        #"{"at":1000,"n":1,"kind":"dispatch","session":"a","s":1,"t":"READY","h":"1"}"# + "\n"
        + #"{"at":1000,"n":2,"kind":"identify","conn":1,"app":"10","shard":3,"num_shards":4,"outcome":"ready","#
        + #""session":"a"}"#
    private static let fault =
        #"{"at":9000,"n":3,"kind":"fault","fault":"close","code":4014,"ends_session":false,"id":1,"sessions":["a"],"#
        + #""conns":[1]}"#
    private static let answered =
        #"{"at":9000,"n":4,"kind":"disconnected","conn":1,"session":"a","reason":"server:4014","answered":true}"#
    private static let unanswered =
        #"{"at":9000,"n":4,"kind":"disconnected","conn":1,"session":"a","reason":"server:4014"}"#
    private static let identify =
        #"{"at":12000,"n":5,"kind":"identify","app":"10","shard":3,"num_shards":4,"outcome":"ready","session":"b"}"#
    private static let resume =
        #"{"at":12000,"n":5,"kind":"resume","conn":2,"session":"a","seq":1,"outcome":"resumed"}"#
    private static let planted = Checker.PlantedClose(code: 4014, shard: 3)

    private static func verdict(
        _ last: String?, fault: String? = Self.fault, end: String? = Self.answered,
        shown: String? = "closed with 4014 (disallowed intents)", retried: Int64? = 11_000, starts: [Int64] = [],
        refused: [String] = [], published: [(epoch: Int64, s: Int64, at: Int64)] = []
    ) throws -> Verdict {
        var history = LedgerHistory()
        for lines in [self.ready, fault, end, last].compactMap({ $0 }) {
            for line in lines.split(separator: "\n") { history.add(try LedgerTests.line(String(line))) }
        }
        var recording = Recording(lanes: 4)
        for message in published { self.record(message, in: &recording) }
        var log = OperatorLog()
        if let shown { log.see(.init(at: 9500, shard: 3, numShards: 4, reason: shown)) }
        if let retried { log.retries.append(.init(from: retried, to: retried + 100)) }
        log.refused = refused
        return Checker(history: history, recording: recording, terms: CheckerTerms())
            .refusals(log, planted: [self.planted], starts: starts)
    }

    private static func record(_ message: (epoch: Int64, s: Int64, at: Int64), in recording: inout Recording) {
        let headers = MessageHeaders(
            session: "a", epoch: message.epoch, application: "10", generation: 1, shard: 3, numShards: 4,
            firstSequence: message.s, lastSequence: message.s, count: 1)
        Array("{\"s\":\(message.s),\"t\":\"RESUMED\",\"at\":1,\"d\":{}}\n".utf8).withUnsafeBytes {
            recording.record(queue: 0, headers: headers, isRedelivered: false, at: message.at, body: $0)
        }
    }

    @Test func `A shard that is shown as failed and goes on after a leave holds`() throws {
        for last in [Self.identify, Self.resume, nil] {
            let verdict = try Self.verdict(last)
            #expect(verdict.holds && verdict.checked == 2 && verdict.figures["landed"] == 1, "\(verdict)")
        }
        // A process that began since knows of nothing; a close that nobody answered may not have been heard.
        #expect(try Self.verdict(Self.identify, retried: nil, starts: [11_500]).holds)
        #expect(try Self.verdict(Self.resume, end: Self.unanswered, retried: nil).holds)
    }

    @Test func `A client that goes on though it has heard the code is caught`() throws {
        #expect(!(try Self.verdict(Self.resume, retried: nil).holds))
        let resumed =
            Self.resume + "\n"
            + #"{"at":12001,"n":6,"kind":"dispatch","session":"a","s":2,"t":"RESUMED","h":"1"}"#
        #expect(!(try Self.verdict(resumed, retried: nil, published: [(7, 1, 1500), (7, 2, 12_100)]).holds))
        // The slot was granted to another process, which was told nothing.
        #expect(try Self.verdict(resumed, retried: nil, published: [(7, 1, 1500), (8, 2, 12_100)]).holds)
    }

    @Test func `A planted close has to land where a client is`() throws {
        let met = Self.fault
        let nobody = met.replacingOccurrences(of: #"["a"]"#, with: "[]").replacingOccurrences(of: "[1]", with: "[]")
        let cut = #"{"at":8000,"n":3,"kind":"disconnected","conn":1,"session":"a","reason":"lost"}"#
        // Never asked for; asked for, and the connection goes on; missed, though there was a client.
        #expect(!(try Self.verdict(nil, fault: nil).holds))
        #expect(!(try Self.verdict(nil, end: nil).holds))
        let other = Self.answered.replacingOccurrences(of: "server:4014", with: "client:4000")
        #expect(!(try Self.verdict(nil, end: other).holds))
        #expect(!(try Self.verdict(nil, fault: nobody, end: nil).holds))
        // Nobody was there: told, and of a whole schedule at least one has to land.
        let late = cut + "\n" + nobody.replacingOccurrences(of: #""n":3"#, with: #""n":4"#)
        let verdict = try Self.verdict(nil, fault: late, end: nil)
        #expect(verdict.figures["planted where no client was"] == 1 && verdict.violationCount == 1, "\(verdict)")
        // It was asked for again, and landed.
        let again =
            #"{"at":8500,"n":5,"kind":"resume","conn":2,"session":"a","seq":1,"outcome":"resumed"}"# + "\n"
            + met.replacingOccurrences(of: #""n":3"#, with: #""n":6"#)
            .replacingOccurrences(of: "[1]", with: "[2]")
        let end = Self.answered.replacingOccurrences(
            of: #""n":4,"kind":"disconnected","conn":1"#, with: #""n":7,"kind":"disconnected","conn":2"#)
        let second = try Self.verdict(nil, fault: late + "\n" + again, end: end)
        #expect(second.holds && second.figures["landed"] == 1, "\(second)")
    }

    @Test func `What must not be is told`() throws {
        #expect(!(try Self.verdict(Self.identify, retried: nil).holds))
        // Allowed too late, and too early.
        #expect(!(try Self.verdict(Self.identify, retried: 13_000).holds))
        #expect(!(try Self.verdict(Self.identify, retried: 8000).holds))
        #expect(!(try Self.verdict(nil, shown: nil).holds))
        // A reason that tells another code.
        #expect(!(try Self.verdict(Self.identify, shown: "closed with 4004").holds))
        #expect(!(try Self.verdict(Self.identify, refused: ["404"]).holds))
    }
}
