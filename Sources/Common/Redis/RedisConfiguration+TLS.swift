import NIOSSL

extension RedisConfiguration {
    func makeTLSContext() throws(RedisError) -> NIOSSLContext? {
        guard let tls = self.tls else { return nil }
        var settings = TLSConfiguration.makeClientConfiguration()
        settings.minimumTLSVersion = .tlsv12
        do {
            if let file = tls.certificateAuthorityFile {
                settings.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(file))
            }
            return try NIOSSLContext(configuration: settings)
        } catch {
            throw RedisError(.tlsFailed, "the certificates for Redis can't be read", underlying: error)
        }
    }
}
