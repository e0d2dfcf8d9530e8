import Foundation
import Logging
import Runtime
import Synchronization
import Testing

@Suite("Log lines")
struct LineLogHandlerTests {
    private final class Lines: Sendable {
        let text = Mutex("")
        var output: LogOutput { LogOutput { line in self.text.withLock { $0 += line } } }
    }

    private func log(_ format: LogFormat, level: Logger.Level = .info, _ body: (Logger) -> Void) -> String {
        let lines = Lines()
        let output = lines.output
        body(Logger(label: "test") { LineLogHandler(label: $0, level: level, format: format, output: output) })
        return lines.text.withLock { $0 }
    }

    @Test func `A JSON line is one object with its facts`() throws {
        let text = self.log(.json) {
            $0.warning("it \"broke\"\n", metadata: ["shard.id": "3", "odd": "\u{1}é"])
        }
        #expect(text.hasSuffix("}\n") && text.dropLast().allSatisfy { $0 != "\n" })
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: String])
        #expect(object["level"] == "warning" && object["msg"] == "it \"broke\"\n" && object["logger"] == "test")
        #expect(object["shard.id"] == "3" && object["odd"] == "\u{1}é")
        #expect(object["ts"]?.hasSuffix("Z") == true)
    }

    @Test func `A secret in a fact is stars`() {
        #expect(!self.log(.json) { $0.info("x", metadata: ["token": "\(Secret("abc"))"]) }.contains("abc"))
    }

    @Test func `Text of a peer can not start a line of its own`() {
        let text = self.log(.text) { $0.info("x", metadata: ["reason": "a\nERROR b"]) }
        #expect(text.count { $0 == "\n" } == 1)
    }

    @Test func `What is below the level is not written`() {
        #expect(self.log(.json, level: .error) { $0.warning("x") }.isEmpty)
    }
}
