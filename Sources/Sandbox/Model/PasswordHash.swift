import COpenSSL

/// PBKDF2-HMAC-SHA256 of a password.
struct PasswordHash: Codable, Sendable, Equatable {
    let salt: [UInt8]
    let iterations: Int32
    private let digest: [UInt8]

    /// Takes about a tenth of a second with the default iterations: call it off the event loops.
    init?(of password: String, iterations: Int32 = 120_000) {
        guard let salt = SecureRandom.bytes(16), let digest = Self.derive(password, salt: salt, iterations: iterations)
        else {
            return nil
        }
        self.salt = salt
        self.iterations = iterations
        self.digest = digest
    }

    func matches(_ password: String) -> Bool {
        guard let other = Self.derive(password, salt: self.salt, iterations: self.iterations) else { return false }
        return other.count == self.digest.count && CRYPTO_memcmp(other, self.digest, other.count) == 0
    }

    private static func derive(_ password: String, salt: [UInt8], iterations: Int32) -> [UInt8]? {
        var output = [UInt8](repeating: 0, count: 32)
        let bytes = Array(password.utf8CString)
        let status = PKCS5_PBKDF2_HMAC(
            bytes, Int32(clamping: bytes.count - 1), salt, Int32(salt.count), iterations, EVP_sha256(), 32, &output)
        return status == 1 ? output : nil
    }
}

enum SecureRandom {
    /// `nil` when the system has no entropy to give.
    static func bytes(_ count: Int32) -> [UInt8]? {
        var output = [UInt8](repeating: 0, count: Int(count))
        return RAND_bytes(&output, count) == 1 ? output : nil
    }
}

enum SHA256 {
    static func hexadecimal(_ text: String) -> String { self.hexadecimal(text.utf8) }

    static func hexadecimal(_ content: some Sequence<UInt8>) -> String {
        var output = [UInt8](repeating: 0, count: 32)
        let bytes = Array(content)
        // Fails only without memory; a zero digest then matches no token.
        guard EVP_Digest(bytes, bytes.count, &output, nil, EVP_sha256(), nil) == 1 else { return "" }
        return output.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}
