import Foundation
import SystemPackage
import TestSupport
import Testing

@testable import LocalStack

@Suite("Log files of processes")
struct ChildLogTests {
    @Test func `The last lines are those of this launch, without escape sequences`() throws {
        let directory = try TemporaryDirectory("log")
        let log = ChildLog(path: try directory.write("before\n", to: "a.log"))
        let offset = log.size
        #expect(log.lastLines(3, after: offset).isEmpty)
        _ = try directory.write("before\none\ntwo\n\u{1B}[31mthree\u{7}\nfour", to: "a.log")
        #expect(log.lastLines(3, after: offset) == ["two", "[31mthree", "four"])
        #expect(log.lastLines(9, after: offset).first == "one")
        // Cut meanwhile: all of it is new.
        #expect(log.lastLines(9, after: 1 << 40).first == "before")
    }

    @Test func `A file that isn't there or isn't text does no harm`() throws {
        let directory = try TemporaryDirectory("log")
        #expect(ChildLog(path: directory.path("none")).lastLines(3, after: 0).isEmpty)
        try Data([0xFF, 0xFE, 0x0A, 0xC0]).write(to: URL(fileURLWithPath: directory.path("bytes")))
        #expect(ChildLog(path: directory.path("bytes")).lastLines(3, after: 0).count == 2)
    }

    @Test func `The log of the run before is kept, the one before that isn't`() throws {
        let directory = try TemporaryDirectory("log")
        let log = ChildLog(path: directory.path("a.log"))
        for run in ["first", "second", "third"] {
            try log.rotate()
            _ = try directory.write(run, to: "a.log")
        }
        #expect(try String(contentsOfFile: directory.path("a.log.1"), encoding: .utf8) == "second")
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).count == 2)
    }

    @Test func `A log past its limit is begun anew while its process goes on writing`() throws {
        let directory = try TemporaryDirectory("log")
        let log = ChildLog(path: directory.path("a.log"), limit: 100)
        let writer = try log.openForAppending()
        defer { try? writer.close() }
        _ = try writer.writeAll(Array(repeating: UInt8(ascii: "x"), count: 90))
        try log.cutIfTooLarge()
        #expect(log.size == 90)
        _ = try writer.writeAll(Array(repeating: UInt8(ascii: "y"), count: 90))
        try log.cutIfTooLarge()
        #expect(log.size == 0)
        _ = try writer.writeAll(Array("after".utf8))
        #expect(log.lastLines(1, after: 0) == ["after"])
        #expect(ChildLog(path: directory.path("a.log.1")).size == 180)
    }
}
