import ClusterAPI
import ClusterClient
import Synchronization
import Testing

@testable import OperatorConsole

@Suite("Terminal", .timeLimit(.minutes(1)))
struct ConsoleTests {
    /// Keeps what is written.
    private final class Screen: Sendable {
        private let texts = Mutex((output: "", error: ""))

        func console(isTerminal: Bool) -> Console {
            Console(
                outputIsTerminal: isTerminal, errorIsTerminal: isTerminal, inputIsTerminal: isTerminal, usesColor: true,
                columns: { 20 }, output: { text in self.texts.withLock { $0.output += text } },
                error: { text in self.texts.withLock { $0.error += text } })
        }

        var output: String { self.texts.withLock { $0.output } }
        var error: String { self.texts.withLock { $0.error } }
    }

    @Test func `Without a terminal progress is a line whenever it is another one, without escapes`() {
        let screen = Screen()
        let console = screen.console(isTerminal: false)
        for text in ["0 of 2", "0 of 2", "1 of 2"] { console.progress(text, after: .seconds(1)) }
        console.endProgress()
        console.tellError("no")
        #expect(screen.error == "0 of 2\n1 of 2\nerror: no\n" && screen.output.isEmpty)
        #expect(console.width == nil && !console.canAsk && !console.paint.isOn)
    }

    @Test func `On a terminal progress is one line that is rewritten and fits`() {
        let screen = Screen()
        let console = screen.console(isTerminal: true)
        console.progress("a text that is too long for it", after: .seconds(1))
        #expect(screen.error == "\r\u{1B}[Ka text that is too…")
        console.print(["data"])
        #expect(screen.error.hasSuffix("\r\u{1B}[K") && screen.output == "data\n")
    }

    // MARK: Waiting

    private struct Count: OperationWatch {
        var left: Int

        mutating func observe(_ view: ClusterView) -> OperationProgress {
            self.left -= 1
            return self.left < 0 ? .done("done\u{7}") : .running("\(self.left) left")
        }
    }

    private func waiter(_ screen: Screen) -> Waiter {
        Waiter(screen.console(isTerminal: false), interval: .milliseconds(1))
    }

    @Test func `A wait goes on through coordinators that are away, and standbys`() async throws {
        let screen = Screen()
        let calls = Mutex(0)
        let end = try await self.waiter(screen).wait(for: Count(left: 2), timeout: .seconds(30)) {
            () throws(OperatorClient.Failure) in
            switch calls.withLock({
                $0 += 1; return $0
            }) {
            case 1: throw OperatorClient.Failure(code: .unreachable, message: "away")
            case 2: return Fixture.cluster(standby: "b")
            default: return Fixture.cluster()
            }
        }
        #expect(end == #"done\u{7}"# && calls.withLock { $0 } == 5)
        #expect(screen.error.contains("doesn't answer") && screen.error.contains("leader can't be reached"))
        #expect(screen.error.hasSuffix("1 left\n0 left\n"))
    }

    @Test func `A wait ends with its time`() async {
        let error = await #expect(throws: ConsoleError.self) {
            try await self.waiter(Screen()).wait(for: Count(left: .max), timeout: .milliseconds(20)) {
                () throws(OperatorClient.Failure) in Fixture.cluster()
            }
        }
        #expect(error?.code == .unfinished && error?.message.contains("left") == true)
    }

    @Test func `A token that is no longer taken ends the wait`() async {
        let error = await #expect(throws: ConsoleError.self) {
            try await self.waiter(Screen()).wait(for: Count(left: .max), timeout: .seconds(30)) {
                () throws(OperatorClient.Failure) in
                throw OperatorClient.Failure(code: .unauthorized, message: "who are you?")
            }
        }
        #expect(error?.code == .unauthorized)
    }

    @Test func `An operation that fails ends the wait as unfinished`() async {
        struct Failing: OperationWatch {
            mutating func observe(_ view: ClusterView) -> OperationProgress { .failed("rolled back") }
        }
        let error = await #expect(throws: ConsoleError.self) {
            try await self.waiter(Screen()).wait(for: Failing(), timeout: .seconds(30)) {
                () throws(OperatorClient.Failure) in Fixture.cluster()
            }
        }
        #expect(error?.code == .unfinished && error?.message == "rolled back")
    }
}
