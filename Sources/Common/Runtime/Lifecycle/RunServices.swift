package import Logging
package import ServiceLifecycle
import UnixSignals

/// Runs services until SIGTERM or SIGINT, or until one fails; then stops them in reverse order.
///
/// - Parameters:
///   - services: in the order of dependence; what others use comes first and outlives them.
///   - grace: how long the whole stop may take before what is left is cancelled.
package func runServices(_ services: [any Service], grace: Duration = .seconds(12), logger: Logger) async throws {
    var configuration = ServiceGroupConfiguration(
        services: services.map { .init(service: $0) },
        gracefulShutdownSignals: [.sigterm, .sigint],
        logger: logger
    )
    configuration.maximumGracefulShutdownDuration = grace
    try await ServiceGroup(configuration: configuration).run()
}
