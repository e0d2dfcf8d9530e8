import Foundation
import Synchronization
import TestSupport

/// One process of a loaded fleet: started, killed, frozen and started again. Its log goes on through all of its lives.
package final class FleetProcess: Sendable {
    private struct State {
        var child: ChildProcess?
        /// Whoever takes it down starts it again.
        var isDown = true
        var exits: [Exit] = []
        var starts: [Int64] = []
    }

    /// An end that the harness did not bring about.
    package struct Exit: Sendable, Codable, Equatable {
        package let process: String
        /// The exit code, or minus the signal.
        package let status: Int32
        /// The end of its log.
        package let lastLines: String
    }

    package let name: String
    private let launch: @Sendable () throws -> ChildProcess
    private let state = Mutex(State())

    init(_ name: String, launch: @escaping @Sendable () throws -> ChildProcess) {
        self.name = name
        self.launch = launch
    }

    package var exits: [Exit] { self.state.withLock { $0.exits } }
    package var isRunning: Bool { self.state.withLock { $0.child?.isRunning ?? false } }
    /// When it was started, in milliseconds since the Unix epoch.
    var starts: [Int64] { self.state.withLock { $0.starts } }
    var child: ChildProcess? { self.state.withLock { $0.child } }

    package func start() throws {
        let child = try self.launch()
        self.state.withLock {
            $0.child = child
            $0.isDown = false
            $0.starts.append(Int64(Date().timeIntervalSince1970 * 1000))
        }
    }

    /// Ends it as a power cut would. Returns false when it is down already.
    package func kill() -> Bool {
        let child = self.state.withLock { state -> ChildProcess? in
            guard !state.isDown else { return nil }
            state.isDown = true
            return state.child
        }
        child?.signal(SIGKILL)
        return child != nil
    }

    /// Stops it for so long.
    package func freeze(for length: Duration) async throws { _ = try await self.freezeIfUp(for: length) }

    /// Stops it for so long. Returns false at once when it is down.
    func freezeIfUp(for length: Duration) async throws -> Bool {
        guard let child = self.state.withLock({ $0.isDown ? nil : $0.child }) else { return false }
        child.signal(SIGSTOP)
        defer { child.signal(SIGCONT) }
        try await Task.sleep(for: length)
        return true
    }

    /// Asks it to end, and waits until it has.
    package func stop(within limit: Duration = .seconds(15)) async throws {
        let child = self.state.withLock { state -> ChildProcess? in
            state.isDown = true
            return state.child
        }
        try await child?.stop(within: limit)
    }

    /// Starts it again whenever it ends by itself, and writes that down, until it is cancelled.
    func supervise() async throws {
        while true {
            try await Task.sleep(for: .milliseconds(200))
            guard let ended = self.state.withLock({ $0.isDown ? nil : $0.child }), !ended.isRunning else { continue }
            let status = try await ended.exitStatus()
            let exit = Exit(process: self.name, status: status, lastLines: String(ended.output.suffix(1500)))
            let isOurs = self.state.withLock { state in
                // Killed between the look and now.
                guard !state.isDown, state.child === ended else { return false }
                state.exits.append(exit)
                return true
            }
            if isOurs { try self.start() }
        }
    }
}
