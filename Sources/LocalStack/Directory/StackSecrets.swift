import Foundation

/// The passwords and tokens of one stack: made at its first start, kept in a file that only its owner may read.
struct StackSecrets: Codable, Sendable, CustomStringConvertible {
    let amqpAdministrator: String
    let amqpShard: String
    let amqpWorker: String
    let redis: String
    let database: String
    let member: String
    let `operator`: String
    /// Shaped as Discord's bot tokens: the bot's id in base64, a time, a signature.
    let bot: String

    /// The application of the sandbox' demo world; a snowflake.
    static let botID = "1100000000000000001"

    var description: String { "***" }

    init(using generator: inout some RandomNumberGenerator) {
        func word(_ length: Int) -> String {
            let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
            return String((0..<length).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] })
        }
        self.amqpAdministrator = word(32)
        self.amqpShard = word(32)
        self.amqpWorker = word(32)
        self.redis = word(32)
        self.database = word(32)
        self.member = word(40)
        self.operator = word(40)
        let id = Data(Self.botID.utf8).base64EncodedString().prefix { $0 != "=" }
        self.bot = "\(id).\(word(6)).\(word(38))"
    }

    /// Reads `secrets` in the directory, or makes it.
    static func load(in directory: StackDirectory) throws(LocalStackError) -> StackSecrets {
        let path = "\(directory.path)/secrets"
        if let data = FileManager.default.contents(atPath: path) {
            do {
                return try JSONDecoder().decode(StackSecrets.self, from: data)
            } catch {
                // Nothing of the content: the decoder's error could quote it.
                throw LocalStackError(
                    .files, "\(path) is damaged: remove \(directory.path) to start with new passwords and empty stores")
            }
        }
        var generator = SystemRandomNumberGenerator()
        let secrets = StackSecrets(using: &generator)
        do {
            let data = try JSONEncoder().encode(secrets)
            try StackDirectory.writePrivately(String(decoding: data, as: UTF8.self), to: path)
        } catch {
            throw LocalStackError(.files, "can't write \(path)", underlying: error)
        }
        return secrets
    }
}
