import NIOCore
import NIOSSL

/// How long a peer may take to answer TLS's own close before TCP is cut.
private let shutdownTimeout = TimeAmount.seconds(1)

/// How a client trusts servers. Make it once: it holds the parsed certificates.
package struct GatewayClientTLS: Sendable {
    let context: NIOSSLContext

    /// - Parameters:
    ///   - caFile: PEM certificates to trust in place of the system's.
    ///   - verifiesServer: whether chain and host name are checked.
    package init(caFile: String? = nil, verifiesServer: Bool = true) throws(GatewayError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.applicationProtocols = ["http/1.1"]
        configuration.shutdownTimeout = shutdownTimeout
        configuration.certificateVerification = verifiesServer ? .fullVerification : .none
        if let caFile { configuration.trustRoots = .file(caFile) }
        do {
            self.context = try NIOSSLContext(configuration: configuration)
        } catch {
            let source = caFile ?? "of the system"
            throw GatewayError(.invalidTLS, "cannot use the trusted certificates \(source)", underlying: error)
        }
    }

    static let system = Result<GatewayClientTLS, GatewayError> { () throws(GatewayError) in try GatewayClientTLS() }
}

/// A server's certificate chain and key.
package struct GatewayServerTLS: Sendable {
    let context: NIOSSLContext

    /// - Parameters:
    ///   - certificateFile: the chain as PEM, the server's own certificate first.
    ///   - privateKeyFile: its key as PEM.
    package init(certificateFile: String, privateKeyFile: String) throws(GatewayError) {
        do {
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificateFile).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: privateKeyFile, format: .pem))
            )
            configuration.applicationProtocols = ["http/1.1"]
            configuration.shutdownTimeout = shutdownTimeout
            self.context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw GatewayError(.invalidTLS, "cannot use the certificate \(certificateFile)", underlying: error)
        }
    }
}
