import Discord
import Foundation
import Gateway
package import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Runtime
import ServiceLifecycle
import Synchronization

/// A running sandbox. Made by `makeSandbox`; `stop` ends it.
package final class Sandbox: Sendable {
    package let httpPort: Int
    package let httpsPort: Int?
    package let gatewayPort: Int
    package let gatewayTLSPort: Int?
    /// Of the listener that READY names for RESUME, where there is one.
    package let resumePort: Int?
    package let host: String
    /// What clients are told to connect to.
    package var gatewayURL: String { self.hub.gatewayURL(isSecure: false) }
    /// The origin of REST and chat page.
    package var baseURL: String { "http://\(self.host):\(self.httpPort)" }

    let hub: Hub
    private let group: ServiceGroup
    /// Runs the services for as long as the sandbox lives; `stop` waits for it.
    private let running: Task<Void, any Error>
    private let gateways: Gateways
    private let faults: FaultRunner
    private let store: SQLiteStore?
    private let health: HealthState

    init(
        ports: (http: Int, https: Int?), gateways: Gateways, host: String, hub: Hub, faults: FaultRunner,
        group: ServiceGroup, running: Task<Void, any Error>, store: SQLiteStore?, health: HealthState
    ) {
        self.httpPort = ports.http
        self.httpsPort = ports.https
        self.gatewayPort = gateways.plain?.port ?? 0
        self.gatewayTLSPort = gateways.secure?.port
        self.resumePort = gateways.resume?.port
        self.gateways = gateways
        self.faults = faults
        self.host = host
        self.hub = hub
        self.group = group
        self.running = running
        self.store = store
        self.health = health
    }

    /// Returns when the sandbox stopped by itself, with the error that stopped it.
    package func waitUntilStopped() async throws { try await self.running.value }

    /// Takes no more work, closes gateway connections so that clients may resume, ends requests, writes what is left.
    package func stop() async {
        self.health.setReady("serving", failing: "stopping")
        self.faults.stop()
        await self.gateways.close()
        self.hub.endAllSessions()
        await self.group.triggerGracefulShutdown()
        // Why it ended matters to whoever waits for it, not to who stops it.
        _ = try? await self.running.value
        // What can't be written now was answered with an error before, or is told by `commit` there.
        try? await self.store?.commit()
        try? self.store?.close()
    }
}

/// Starts a sandbox and returns once it listens: ports given as 0 can then be read.
///
/// - Throws: `ListenerError` for a port that can't be had, `SandboxError` for files that can't be used.
package func makeSandbox(_ settings: SandboxSettings = SandboxSettings(), logger: Logger) async throws -> Sandbox {
    try await SandboxComposition(settings: settings, logger: logger).start()
}
