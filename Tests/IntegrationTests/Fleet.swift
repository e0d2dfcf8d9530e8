import ClusterAPI
import Foundation
import NIOCore
import TestSupport
import Testing

@testable import LocalStack

/// A whole fleet that `flotilla up` runs in a directory of its own, with its own stores.
final class Fleet: Sendable {
    /// The one that the suite around this test started.
    @TaskLocal static var current: Fleet?

    static var running: Fleet {
        get throws {
            guard let fleet = self.current else { throw TestFailure("no fleet runs around this test") }
            return fleet
        }
    }

    let directory: TemporaryDirectory
    let process: ChildProcess
    let mark: MarkedProcesses
    let secrets: StackSecrets
    let ports: [String: Int]

    /// Starts one and waits until it says that it is up.
    ///
    /// - Parameters:
    ///   - user: whose processes these are; nil: the tests' own user.
    ///   - coordinators: 1 to 3. Their member ids are `coordinator-0` and so on.
    init(as user: OrdinaryUser? = nil, coordinators: Int = 1) async throws {
        let directory = try TemporaryDirectory("fleet")
        self.directory = directory
        // Chosen here: two fleets on one machine would both try the usual ones.
        var ports: [String: Int] = [:]
        for name in Self.services
            + (1..<coordinators).flatMap({ ["coordinator-\($0)", "coordinator-\($0)-operations"] })
        {
            repeat { ports[name] = try quietPort() } while Set(ports.values).count < ports.count
        }
        let portsFile = try directory.write(
            String(decoding: try JSONEncoder().encode(ports), as: UTF8.self), to: "ports.json")
        for path in [directory.path, portsFile] { try user?.own(path) }
        let command =
            (user?.prefix ?? []) + [try Programs.flotilla, "up", "--directory", directory.path]
            + (coordinators == 1 ? [] : ["--coordinators", "\(coordinators)"])
        self.process = try ChildProcess(
            command[0], Array(command.dropFirst()),
            environment: ["DISCORD_TOKEN": "", "FLOTILLA_LOG_LEVEL": "info"])
        self.mark = MarkedProcesses(mark: URL(filePath: directory.path).resolvingSymlinksInPath().path)
        do {
            try await self.process.wait(for: "Flotilla is up", within: .seconds(120))
            self.secrets = try StackSecrets.load(
                in: StackDirectory(creating: directory.path, for: user?.number ?? geteuid()))
            let used = try #require(FileManager.default.contents(atPath: directory.path("ports.json")))
            self.ports = try JSONDecoder().decode([String: Int].self, from: used)
        } catch {
            let output = self.process.output
            try await self.process.stop(within: .seconds(20))
            throw TestFailure("\(error)\n\(output)")
        }
    }

    private static let services =
        [
            "api", "coordinator", "sandbox", "sandbox-gateway", "epmd", "rabbitmq", "rabbitmq-distribution", "redis",
            "postgres",
        ]
        + ["api", "coordinator", "shard-0", "shard-1", "worker-0", "worker-1"].map { "\($0)-operations" }

    // MARK: Where things are

    func port(_ service: String) throws -> Int { try #require(self.ports[service], "\(service) has no port") }
    func url(_ service: String, _ path: String = "") throws -> String {
        "http://127.0.0.1:\(try self.port(service))\(path)"
    }

    /// The end of a process' log.
    func log(_ name: String) -> String {
        // Not there means nothing was logged.
        String(
            ((try? String(contentsOfFile: self.directory.path("logs/\(name).log"), encoding: .utf8)) ?? "").suffix(4000)
        )
    }

    // MARK: What it says

    func cluster() async throws -> ClusterView {
        let answer = try await HTTP.get(try self.url("api", "/api/v1/cluster"))
        guard answer.status == 200 else { throw TestFailure("GET /api/v1/cluster: \(answer)") }
        return try ClusterJSON.decoder().decode(ClusterView.self, from: Data(answer.body.readableBytesView))
    }

    /// Waits until every slot is ready and every lane has its reader, and returns that state.
    func settled(within limit: Duration = .seconds(60)) async throws -> ClusterView {
        var view: ClusterView?
        try await eventually(within: limit, "a settled cluster") {
            // An API server that is away for a moment is asked again.
            view = try? await self.cluster()
            guard let view else { return false }
            let owners = Set(view.members.filter { $0.state == "alive" }.map(\.id))
            return owners.count == 4 && !view.slots.isEmpty
                && view.slots.allSatisfy { $0.status == .ready && $0.member != nil }
                && view.slots.map(\.guilds).reduce(0, +) == 2 && view.lanes.allSatisfy { $0.primary != nil }
        }
        return try #require(view)
    }

    // MARK: What is done to it

    /// Ends the process of a member as a power cut would.
    func kill(member: String) throws {
        let entry = Array("FLOTILLA_MEMBER_ID=\(member)".utf8)
        let process = self.mark.find().first { process in
            FileManager.default.contents(atPath: "/proc/\(process)/environ")?.split(separator: 0).contains {
                $0.elementsEqual(entry)
            }
                ?? false
        }
        Foundation.kill(try #require(process, "no process is member \(member)"), SIGKILL)
    }

    /// Asks it to stop, and looks at what is left.
    func stop() async throws {
        let clock = ContinuousClock()
        let start = clock.now
        self.process.signal(SIGTERM)
        do {
            let status = try await self.process.exitStatus(within: .seconds(45))
            #expect(status == 0, "\(self.process.output.suffix(2000))")
        } catch {
            Issue.record("still there after \(clock.now - start): \(self.process.output.suffix(2000))")
            try await self.process.stop()
        }
        let left = self.mark.find()
        #expect(left == [], "processes are left")
        for process in left { Foundation.kill(process, SIGKILL) }
        let open = self.ports.filter { canConnect(toPort: $0.value) }
        #expect(open.isEmpty, "something still listens")
    }
}

/// Runs one fleet around all tests of a suite.
struct FleetTrait: SuiteTrait, TestScoping {
    @concurrent
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let fleet = try await Fleet()
        do {
            try await Fleet.$current.withValue(fleet) { try await function() }
        } catch {
            try await fleet.stop()
            throw error
        }
        try await fleet.stop()
    }
}

extension Trait where Self == FleetTrait {
    static var fleet: FleetTrait { FleetTrait() }
}
