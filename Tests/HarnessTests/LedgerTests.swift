import Foundation
import TestSupport
import Testing

@testable import Harness

@Suite("Ledger")
struct LedgerTests {
    static func line(_ text: String) throws -> LedgerLine {
        try Array(text.utf8).withUnsafeBytes { try LedgerLine($0) }
    }

    @Test func `Lines of each kind are read`() throws {
        #expect(
            try Self.line(
                #"{"at":5,"n":1,"kind":"dispatch","session":"a1","s":7,"t":"MESSAGE_CREATE","g":"81384788765712384","h":"af63dc4c8601ec8c"}"#
            )
                == LedgerLine(
                    at: 5, number: 1,
                    fact: .dispatch(
                        .init(
                            session: "a1", sequence: 7, name: "MESSAGE_CREATE", guild: 81_384_788_765_712_384,
                            hash: 0xAF63_DC4C_8601_EC8C))))
        #expect(
            try Self.line(
                #"{"at":5,"n":2,"kind":"identify","conn":3,"app":"10","shard":0,"num_shards":4,"outcome":"ready","session":"a1","remaining":999}"#
            ).fact
                == .identify(
                    .init(
                        application: "10", shard: 0, numShards: 4, outcome: "ready", session: "a1", remaining: 999,
                        connection: 3)))
        #expect(
            try Self.line(#"{"at":5,"n":3,"kind":"resume","conn":3,"session":"a1","seq":9,"outcome":"closed:4007"}"#)
                .fact
                == .resume(.init(session: "a1", sequence: 9, outcome: "closed:4007", connection: 3)))
        #expect(
            try Self.line(
                #"{"at":5,"n":4,"kind":"disconnected","conn":3,"session":"a1","reason":"server:4014","answered":true}"#
            ).fact
                == .disconnected(.init(connection: 3, session: "a1", reason: "server:4014", isAnswered: true)))
        #expect(
            try Self.line(#"{"at":5,"n":4,"kind":"heartbeat","conn":3}"#).fact
                == .heartbeat(session: nil, sequence: nil))
        #expect(
            try Self.line(#"{"at":5,"n":5,"kind":"session_ended","session":"a1","reason":"closed:4009"}"#).fact
                == .sessionEnded(session: "a1", reason: "closed:4009"))
        #expect(try Self.line(#"{"at":5,"n":6,"kind":"dropped","lines":12}"#).fact == .dropped(lines: 12))
        let fault = #"{"at":5,"n":7,"kind":"fault","fault":"op9","target":{"shard":[0,4]},"text":"a \"b\" {"}"#
        #expect(try Self.line(fault).fact == .fault(fault))
        #expect(try Self.line(#"{"at":5,"n":8,"kind":"rest","path":"/x","ms":1.5}"#).fact == .other(kind: "rest"))
    }

    @Test(arguments: [
        "", "null", "{", #"{"at":1}"#, #"{"at":1,"n":2,"kind":"dispatch"}"#, #"{"at":1,"n":"2","kind":"rest"}"#,
        #"{"at":1 "n":2}"#, #"{"at":1,"n":2,"kind":"resume","session":"a"#, #"{"at":,"n":2}"#,
    ])
    func `What is no line is told`(text: String) {
        #expect(throws: HarnessError.self) { try Self.line(text) }
    }

    @Test func `A ledger is read on while it is written`() throws {
        let directory = try TemporaryDirectory("ledger")
        let path = try directory.write("{\"at\":1,\"n\":1,\"kind\":\"rest\"}\n{\"at\":1,\"n\":2,\"ki", to: "ledger")
        var reader = LedgerReader(path: path)
        var numbers: [Int64] = []
        try reader.readOn { numbers.append($0.number) }
        #expect(numbers == [1])
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data("nd\":\"rest\"}\n\n{\"at\":1,\"n\":3,\"kind\":\"rest\"}\n".utf8))
        try reader.readOn { numbers.append($0.number) }
        try reader.readOn { numbers.append($0.number) }
        #expect(numbers == [1, 2, 3])
    }

    @Test func `A large ledger is read in blocks`() throws {
        let directory = try TemporaryDirectory("ledger")
        let filler = String(repeating: "x", count: 900)
        let text = (1...5000).map { "{\"at\":1,\"n\":\($0),\"kind\":\"rest\",\"path\":\"\(filler)\"}\n" }.joined()
        var reader = LedgerReader(path: try directory.write(text, to: "ledger"))
        var numbers: [Int64] = []
        try reader.readOn { numbers.append($0.number) }
        #expect(numbers == Array(1...5000))
    }

    @Test func `A history knows what contradicts itself`() throws {
        var history = LedgerHistory()
        for text in [
            #"{"at":1,"n":1,"kind":"dispatch","session":"a","s":1,"t":"READY","h":"1"}"#,
            #"{"at":1,"n":2,"kind":"identify","app":"10","shard":0,"num_shards":1,"outcome":"ready","session":"a"}"#,
            #"{"at":1,"n":3,"kind":"dispatch","session":"a","s":2,"t":"X","g":"7","h":"2"}"#,
        ] {
            history.add(try Self.line(text))
        }
        #expect(history.defects.isEmpty)
        #expect(history.eventCount == 2 && history.sessions.map(\.id) == ["a"] && history.slotSessions == [[0]])
        let second = history.sessions[0].dispatches[1]
        #expect(history.guild(of: second) == 7 && history.name(of: second) == "X" && second.hash == 2)
        history.add(try Self.line(#"{"at":1,"n":4,"kind":"dispatch","session":"a","s":4,"t":"X","h":"2"}"#))
        history.add(try Self.line(#"{"at":1,"n":6,"kind":"dropped","lines":2}"#))
        #expect(history.defects.count == 3, "\(history.defects)")
    }

    @Test func `Hashes are FNV-1a's`() {
        #expect(FNV1a.hash("") == 0xCBF2_9CE4_8422_2325)
        #expect(FNV1a.hash("a") == 0xAF63_DC4C_8601_EC8C)
        #expect(FNV1a.hash("foobar") == 0x8594_4171_F739_67E8)
    }
}
