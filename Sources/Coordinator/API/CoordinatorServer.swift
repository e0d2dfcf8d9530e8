import Hummingbird
import Logging
import NIOCore
import Runtime
import ServiceLifecycle

/// Listens for members and operators.
struct CoordinatorServer: Service {
    let settings: CoordinatorSettings
    let keeper: ClusterKeeper
    let health: HealthState
    let logger: Logger

    func run() async throws {
        let router = Router()
        CoordinatorAPI(
            keeper: self.keeper, memberToken: self.settings.memberToken, operatorToken: self.settings.operatorToken,
            logger: self.logger
        ).addRoutes(to: router)
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
        try await ListenerError.naming(self.settings.host, self.settings.port, purpose: "the coordinator's HTTP API") {
            try await application.runService(gracefulShutdownSignals: [])
        }
    }
}
