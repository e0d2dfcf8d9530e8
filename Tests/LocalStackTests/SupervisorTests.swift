import Foundation
import Synchronization
import TestSupport
import Testing

@testable import LocalStack

@Suite("Supervision of real processes", .timeLimit(.minutes(1)))
struct SupervisorTests {
    /// Notes what it is told, and tells the number of the process that a child's log names.
    private final class Notes: SupervisorObserver {
        let lines = Mutex<[String]>([])

        func note(_ line: String) { self.lines.withLock { $0.append(line) } }
        func count(_ line: String) -> Int { self.lines.withLock { lines in lines.count { $0 == line } } }

        func childIsStarting(_ child: ChildSpecification) { self.note("starting \(child.name)") }
        func childIsReady(_ child: ChildSpecification, after elapsed: Duration) { self.note("ready \(child.name)") }
        func childDied(_ child: ChildSpecification, _ exit: ChildExit, lastLines: [String], restart: Duration?) {
            self.note("died \(child.name): \(exit): \(lastLines.last ?? "")\(restart == nil ? ": for good" : "")")
        }
        func childIsStopping(_ child: ChildSpecification) { self.note("stopping \(child.name)") }
    }

    private let directory: TemporaryDirectory
    private let notes = Notes()
    private let request = StopRequest()

    init() throws { self.directory = try TemporaryDirectory("supervisor") }

    /// A server in a few words: says its number, then listens.
    private func server(_ name: String, port: Int, extra: String = "") -> ChildSpecification {
        ChildSpecification(
            name: name, title: name, executable: "/usr/bin/python3",
            arguments: [
                "-uc",
                """
                import os, socket, signal, subprocess, time
                \(extra)
                open(\(self.quoted(name + ".pid")), "w").write(str(os.getpid()))
                listener = socket.create_server(("127.0.0.1", \(port)))
                while True:
                    peer = listener.accept()[0]
                    peer.recv(1)
                    peer.sendall(b"+PONG")
                    peer.close()
                """,
            ],
            environment: ["PATH": "/usr/bin:/bin"], readiness: .probe(.redis(port: port)), startLimit: .seconds(20),
            stopLimit: .seconds(2))
    }

    private func quoted(_ file: String) -> String { "\"\(self.directory.path(file))\"" }

    private func shell(_ name: String, _ script: String, readiness: ChildSpecification.Readiness) -> ChildSpecification
    {
        ChildSpecification(
            name: name, title: name, executable: "/bin/sh", arguments: ["-c", script],
            environment: ["PATH": "/usr/bin:/bin"], readiness: readiness, stopLimit: .seconds(2))
    }

    private func processNumber(_ name: String) throws -> Int32 {
        try #require(Int32(String(contentsOfFile: self.directory.path("\(name).pid"), encoding: .utf8)))
    }

    private func supervisor(_ layers: [Supervisor.Layer]) throws -> Supervisor {
        try Supervisor(
            layers: layers, logDirectory: self.directory.path, observer: self.notes, request: self.request)
    }

    @Test func `Layers start in order and stop in reverse order`() async throws {
        let ports = [try quietPort(), try quietPort()]
        let supervisor = try self.supervisor([
            [self.shell("prepare", "exit 0", readiness: .task)], [self.server("first", port: ports[0])],
            [self.server("second", port: ports[1])],
        ])
        let outcome = try await supervisor.run {
            self.notes.note("body")
            return try (self.processNumber("first"), self.processNumber("second"))
        }
        guard case .finished(let processes) = outcome else {
            Issue.record("stopped before the body was done")
            return
        }
        #expect(
            self.notes.lines.withLock { $0 } == [
                "starting prepare", "ready prepare", "starting first", "ready first", "starting second", "ready second",
                "body", "stopping second", "stopping first",
            ])
        #expect(kill(processes.0, 0) != 0 && kill(processes.1, 0) != 0)
    }

    @Test func `A killed process is launched again and becomes ready again`() async throws {
        let supervisor = try self.supervisor([[self.server("server", port: try quietPort(), extra: "print('hello')")]])
        _ = try await supervisor.run {
            let first = try self.processNumber("server")
            kill(first, SIGKILL)
            try await eventually("the second launch") { self.notes.count("ready server") == 2 }
            #expect(try self.processNumber("server") != first)
        }
        #expect(self.notes.count("died server: killed (signal 9): hello") == 1)
    }

    @Test func `A process that refuses its configuration stops everything with its last words`() async throws {
        let supervisor = try self.supervisor([
            [self.server("server", port: try quietPort())],
            [self.shell("refusing", "echo FLOTILLA_X is wrong >&2; exit 78", readiness: .probe(.http(port: 1)))],
        ])
        let error = await #expect(throws: LocalStackError.self) { _ = try await supervisor.run {} }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains("refusing") == true)
        #expect(self.notes.count("died refusing: exit code 78: FLOTILLA_X is wrong: for good") == 1)
        #expect(kill(try self.processNumber("server"), 0) != 0)
    }

    @Test func `A failed task stops everything`() async throws {
        let supervisor = try self.supervisor([[self.shell("task", "exit 3", readiness: .task)]])
        let error = await #expect(throws: LocalStackError.self) {
            _ = try await supervisor.run { Issue.record("the body ran") }
        }
        #expect(error?.code == .notStarted)
    }

    @Test func `A program that isn't there is an error after its attempts`() async throws {
        let absent = ChildSpecification(
            name: "absent", title: "absent", executable: "/no/such/program", arguments: [], environment: [:],
            readiness: .probe(.http(port: 1)))
        let error = await #expect(throws: LocalStackError.self) { _ = try await self.supervisor([[absent]]).run {} }
        #expect(error?.code == .notStarted)
        #expect(error?.message.contains("/no/such/program") == true)
    }

    @Test func `A request stops a stack that is still starting`() async throws {
        let supervisor = try self.supervisor([[self.shell("slow", "sleep 600", readiness: .probe(.http(port: 1)))]])
        async let outcome = supervisor.run { Issue.record("the body ran") }
        try await eventually("the launch") { self.notes.count("starting slow") == 1 }
        self.request.request(at: .now)
        guard case .stopped = try await outcome else {
            Issue.record("not stopped")
            return
        }
    }

    @Test func `A process that ignores the signal is killed with all it started`() async throws {
        let supervisor = try self.supervisor([
            [
                self.server(
                    "stubborn", port: try quietPort(),
                    extra: """
                        signal.signal(signal.SIGTERM, signal.SIG_IGN)
                        child = subprocess.Popen(["sleep", "600"])
                        open(\(self.quoted("grandchild.pid")), "w").write(str(child.pid))
                        """)
            ]
        ])
        let clock = ContinuousClock()
        let stopping = Mutex(clock.now)
        _ = try await supervisor.run { stopping.withLock { $0 = clock.now } }
        let elapsed = clock.now - stopping.withLock { $0 }
        #expect(elapsed >= .seconds(2) && elapsed < .seconds(60))
        #expect(kill(try self.processNumber("stubborn"), 0) != 0)
        let grandchild = try self.processNumber("grandchild")
        try await eventually("the end of the grandchild") { !Self.isRunning(grandchild) }
    }

    @Test func `A second request kills at once`() async throws {
        var stubborn = self.server(
            "stubborn", port: try quietPort(), extra: "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
        stubborn.stopLimit = .seconds(600)
        let supervisor = try self.supervisor([[stubborn]])
        _ = try await supervisor.run {
            self.request.request(at: .now)
            self.request.request(at: .now + StopRequest.samePeriod)
            // Cancelled by the request.
            try? await Task.sleep(for: .seconds(600))
        }
        #expect(kill(try self.processNumber("stubborn"), 0) != 0)
    }

    @Test func `The same request passed on twice doesn't kill`() {
        let start = ContinuousClock.now
        self.request.request(at: start)
        self.request.request(at: start + .milliseconds(100))
        #expect(self.request.stop.isOpen && !self.request.kill.isOpen)
        self.request.request(at: start + StopRequest.samePeriod)
        #expect(self.request.kill.isOpen)
    }

    @Test func `A process that is never ready is killed at its deadline and given up`() async throws {
        var deaf = self.shell("deaf", "exec sleep 600", readiness: .probe(.http(port: 1)))
        deaf.startLimit = .milliseconds(200)
        deaf.attemptsBeforeReady = 2
        let error = await #expect(throws: LocalStackError.self) { _ = try await self.supervisor([[deaf]]).run {} }
        #expect(error?.code == .notStarted)
        #expect(self.notes.count("died deaf: killed (signal 9): ") == 1)
    }

    /// Not even as a zombie that its new parent hasn't collected yet.
    static func isRunning(_ process: Int32) -> Bool {
        guard let status = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
        return !String(decoding: status, as: UTF8.self).contains(") Z ")
    }
}
