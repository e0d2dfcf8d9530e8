import NIOPosix

/// Hashes passwords on threads that may be busy for a while.
struct Passwords: Sendable {
    /// PBKDF2 rounds; fewer only where passwords protect nothing.
    let iterations: Int32
    private let pool = NIOThreadPool.singleton

    func hash(_ password: String) async throws -> PasswordHash {
        let iterations = self.iterations
        let hash = try await self.pool.runIfActive { PasswordHash(of: password, iterations: iterations) }
        guard let hash else { throw SandboxError(.noEntropy, "the system gives no random bytes") }
        return hash
    }

    func matches(_ password: String, _ hash: PasswordHash) async throws -> Bool {
        try await self.pool.runIfActive { hash.matches(password) }
    }

    /// A random token; `SandboxError.noEntropy` when there is none to make it of.
    static func require(_ token: String?) throws -> String {
        guard let token else { throw SandboxError(.noEntropy, "the system gives no random bytes") }
        return token
    }
}
