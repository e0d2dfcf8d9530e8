import Foundation

/// A certificate authority and a server certificate for `localhost` and `127.0.0.1`, made by the `openssl` command.
package struct TestCertificates: Sendable {
    package let directory: TemporaryDirectory
    package var authority: String { self.directory.path("ca.pem") }
    package var certificate: String { self.directory.path("server.pem") }
    package var key: String { self.directory.path("server.key") }

    package init() async throws {
        self.directory = try TemporaryDirectory("certificates")
        let extensions = try self.directory.write(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n", to: "server.ext")
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        try await Self.openssl(
            ["req", "-x509"] + curve + [
                "-days", "2", "-subj", "/CN=Flotilla test authority",
                "-keyout", self.directory.path("ca.key"), "-out", self.authority,
            ])
        try await Self.openssl(
            ["req"] + curve + [
                "-subj", "/CN=localhost", "-keyout", self.key, "-out", self.directory.path("server.csr"),
            ])
        try await Self.openssl([
            "x509", "-req", "-in", self.directory.path("server.csr"), "-CA", self.authority,
            "-CAkey", self.directory.path("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", extensions,
            "-out", self.certificate,
        ])
    }

    private static func openssl(_ arguments: [String]) async throws {
        let process = try ChildProcess("openssl", arguments)
        guard try await process.exitStatus() == 0 else {
            throw ChildProcess.Failure(description: "openssl failed:\n\(process.output)")
        }
    }
}
