import Foundation
import Hummingbird
package import Logging
import NIOCore
import ServiceLifecycle

/// Serves `/livez`, `/readyz` and `/metrics` to probes and scrapers. Anyone who reaches the port may read them; they
/// hold no secret.
package struct OperationsServer: Service {
    package struct Settings: Sendable {
        package let host: String
        /// 0: a free port.
        package let port: Int
        /// A file that gets the port's number, for whoever started this process with port 0.
        package let portFile: String?

        package init(_ reader: SettingsReader) {
            self.host = reader.string(
                "operations.host", default: "127.0.0.1", help: "Address of /livez, /readyz and /metrics.")
            self.port = reader.int(
                "operations.port", default: 0, in: 0...65535,
                help: "Port of /livez, /readyz and /metrics; 0 takes a free one.")
            self.portFile = reader.optionalString("operations.port.file", help: "File to write the operations port to.")
        }
    }

    private let settings: Settings
    private let health: HealthState
    private let metrics: MetricRegistry
    private let logger: Logger

    package init(_ settings: Settings, health: HealthState, metrics: MetricRegistry, logger: Logger) {
        self.settings = settings
        self.health = health
        self.metrics = metrics
        self.logger = logger
    }

    package func run() async throws {
        let router = Router()
        OperationsRoutes.add(to: router, health: self.health, metrics: self.metrics)
        let portFile = self.settings.portFile
        let logger = self.logger
        let application = Application(
            router: router,
            configuration: .init(address: .hostname(self.settings.host, port: self.settings.port), serverName: nil),
            onServerRunning: { channel in
                guard let port = channel.localAddress?.port else { return }
                logger.debug("operations server listens", metadata: ["port": "\(port)"])
                guard let portFile else { return }
                do {
                    try Data("\(port)".utf8).write(to: URL(fileURLWithPath: portFile), options: .atomic)
                } catch {
                    logger.error(
                        "can't write the operations port file", metadata: ["file": "\(portFile)", "error": "\(error)"])
                }
            },
            logger: Logger(label: "flotilla.operations", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        try await ListenerError.naming(self.settings.host, self.settings.port, purpose: "operations") {
            try await application.runService(gracefulShutdownSignals: [])
        }
    }
}
