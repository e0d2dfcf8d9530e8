import Foundation
import TestSupport
import Testing

@testable import LocalStack

@Suite("What a killed supervisor leaves behind", .timeLimit(.minutes(2)))
struct OrphanGuardTests {
    /// Set in the process that is going to be killed: the directory of its stack.
    private static let variable = "FLOTILLA_TEST_ORPHANS_OF"

    /// The process that is going to be killed, which runs nothing but this.
    @Test(.enabled(if: ProcessInfo.processInfo.environment[variable] != nil))
    func `Supervises until it is killed`() async throws {
        let path = try #require(ProcessInfo.processInfo.environment[Self.variable])
        let mark = MarkedProcesses(mark: path)
        let supervised = (0..<3).map { index in
            ChildSpecification(
                name: "child-\(index)", title: "child", executable: "/bin/sh",
                // One that ignores SIGTERM, and one in a session of its own, which no process group holds.
                arguments: [
                    "-c", ["trap '' TERM; sleep 600 & wait; wait", "setsid sleep 600 & wait", "exec sleep 600"][index],
                ],
                environment: mark.adding(to: ["PATH": "/usr/bin:/bin"]), readiness: .probe(.http(port: 1)))
        }
        let supervisor = try Supervisor(
            layers: [supervised], logDirectory: path, observer: SilentObserver(), request: StopRequest())
        _ = try await OrphanGuard.guarding(mark) { try await supervisor.run {} }
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment[variable] == nil))
    func `Nothing of it goes on running`() async throws {
        let directory = try TemporaryDirectory("orphans")
        let mark = MarkedProcesses(mark: directory.path)
        let supervisor = try ChildProcess(
            try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
            ["--testing-library", "swift-testing", "--filter", "OrphanGuardTests"],
            environment: [Self.variable: directory.path])
        try await eventually(within: .seconds(30), "the processes of the stack") { mark.find().count >= 5 }
        supervisor.signal(SIGKILL)
        try await eventually(within: .seconds(30), "the end of all of them") { mark.find().isEmpty }
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment[variable] == nil))
    func `Processes of an earlier stack are found by their mark and stopped`() async throws {
        let directory = try TemporaryDirectory("marked")
        let mark = MarkedProcesses(mark: directory.path)
        let other = MarkedProcesses(mark: directory.path + "x")
        async let mine = self.sleep(mark)
        async let theirs = self.sleep(other)
        try await eventually("the marks") { mark.find().count == 1 && other.find().count == 1 }
        await mark.stop(grace: .seconds(5))
        #expect(await mine == .signaled(SIGTERM))
        #expect(other.find().count == 1)
        await other.stop(grace: .zero)
        #expect(await theirs == .signaled(SIGKILL))
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment[variable] == nil))
    func `A guard leaves the next run in the same directory alone`() async throws {
        let directory = try TemporaryDirectory("guarded")
        let first = MarkedProcesses(mark: directory.path)
        let next = MarkedProcesses(mark: directory.path)
        async let old = self.sleep(first)
        async let new = self.sleep(next)
        try await eventually("the marks") { first.find().count == 2 }
        // The guard reads the end of its pipe and does its work, as after the end of its supervisor.
        try await OrphanGuard.guarding(first) {}
        #expect(await old == .signaled(SIGTERM))
        #expect(next.find().count == 1)
        // A run ends what any run in its directory left.
        await MarkedProcesses(mark: directory.path).stop(grace: .seconds(5))
        #expect(await new == .signaled(SIGTERM))
    }

    private func sleep(_ mark: MarkedProcesses) async -> ChildExit {
        await ProcessLaunch.run("/bin/sleep", ["600"], environment: mark.adding(to: [:]), output: nil) { _ in }
    }
}
