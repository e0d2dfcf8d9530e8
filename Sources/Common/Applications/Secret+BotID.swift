package import Discord
import Foundation
package import Runtime

extension Secret {
    /// Bots that were made before have another id than their application (2017-01-01, on the safe side).
    private static let sameIDsSince = Snowflake(milliseconds: 1_483_228_800_000)

    /// The bot's id, which is the first part of its token, in base64; nil when this is not shaped like a bot's token.
    package var botID: Snowflake? {
        let first = self.reveal().prefix { $0 != "." }
        let padded = first + String(repeating: "=", count: (4 - first.utf8.count % 4) % 4)
        return Data(base64Encoded: String(padded)).flatMap { Snowflake(String(decoding: $0, as: UTF8.self)) }
    }

    /// False: it is another application's token for sure.
    func mayBelong(to application: Snowflake) -> Bool {
        guard let bot = self.botID, bot != application else { return true }
        return application < Self.sameIDsSince
    }
}
