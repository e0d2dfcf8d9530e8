import Hummingbird
import Logging
import NIOCore
import Runtime
import ServiceLifecycle

/// Listens for members and operators, whether this coordinator leads or not.
struct CoordinatorServer: Service {
    let settings: CoordinatorSettings
    let api: CoordinatorAPI
    let health: HealthState
    let logger: Logger
    /// Gets the port once it is listened on.
    let listening: AsyncStream<Int>.Continuation

    func run() async throws {
        let router = Router()
        self.api.addRoutes(to: router)
        let health = self.health
        let logger = self.logger
        let listening = self.listening
        let port = self.settings.port
        let application = Application(
            router: router,
            configuration: .init(address: .hostname(self.settings.host, port: self.settings.port), serverName: nil),
            onServerRunning: { channel in
                health.setReady("http")
                logger.info("listens", metadata: ["http.address": "\(channel.localAddress?.description ?? "")"])
                listening.yield(channel.localAddress?.port ?? port)
            },
            logger: Logger(label: "flotilla.http", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await ListenerError.naming(self.settings.host, self.settings.port, purpose: "the coordinator's HTTP API") {
            try await application.runService(gracefulShutdownSignals: [])
        }
    }
}
