import Hummingbird
import HummingbirdTLS
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Runtime
import ServiceLifecycle

/// REST and chat page on one port, plain or TLS.
struct HTTPListener: Service {
    let host: String
    let port: Int
    let tls: TLSConfiguration?
    let adapter: HTTPAdapter
    /// Told the port once it listens.
    let onListening: @Sendable (Int) -> Void

    func run() async throws {
        let onListening = self.onListening
        let application = Application(
            responder: self.adapter,
            server: try self.tls.map { try .tls(.http1(), tlsConfiguration: $0) } ?? .http1(),
            configuration: .init(address: .hostname(self.host, port: self.port), serverName: nil),
            onServerRunning: { channel in onListening(channel.localAddress?.port ?? 0) },
            logger: Logger(label: "flotilla.sandbox.http", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await ListenerError.naming(
            self.host, self.port, purpose: self.tls == nil ? "sandbox HTTP" : "sandbox HTTPS"
        ) {
            try await application.run()
        }
    }
}
