package import Logging
package import ServiceLifecycle
import UnixSignals

/// Runs services until SIGTERM or SIGINT, or until one fails; then stops them in reverse order.
///
/// - Parameters:
///   - services: in the order of dependence; what others use comes first and outlives them.
///   - last: comes after all of them, and may end by itself: then the others are stopped as with a signal.
///   - grace: how long the whole stop may take before what is left is cancelled.
package func runServices(
    _ services: [any Service], until last: (any Service)? = nil, grace: Duration = .seconds(12), logger: Logger
) async throws {
    var configured = services.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) }
    if let last { configured.append(.init(service: last, successTerminationBehavior: .gracefullyShutdownGroup)) }
    var configuration = ServiceGroupConfiguration(
        services: configured,
        gracefulShutdownSignals: [.sigterm, .sigint],
        logger: logger
    )
    configuration.maximumGracefulShutdownDuration = grace
    try await ServiceGroup(configuration: configuration).run()
}
