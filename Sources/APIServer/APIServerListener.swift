import HTTPAPI
import Hummingbird
import Logging
import NIOCore
import Runtime
import ServiceLifecycle

/// Listens for dashboards and their browsers.
struct APIServerListener: Service {
    let settings: APIServerSettings
    let routes: APIRoutes
    let health: HealthState
    let logger: Logger

    func run() async throws {
        let router = Router()
        router.add(middleware: SecurityHeadersMiddleware())
        router.add(middleware: ProblemMiddleware(logger: self.logger))
        router.add(middleware: FileMiddleware(self.settings.dashboard, searchForIndexHtml: true))
        self.routes.add(to: router)
        let health = self.health
        let logger = self.logger
        let application = Application(
            router: router,
            configuration: .init(address: .hostname(self.settings.host, port: self.settings.port), serverName: nil),
            onServerRunning: { channel in
                health.setReady("http")
                logger.info("listens", metadata: ["http.address": "\(channel.localAddress?.description ?? "")"])
            },
            logger: Logger(label: "flotilla.http", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await ListenerError.naming(self.settings.host, self.settings.port, purpose: "the API and dashboard") {
            try await application.runService(gracefulShutdownSignals: [])
        }
    }
}
