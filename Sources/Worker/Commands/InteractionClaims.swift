import Discord
import Logging
import Redis

/// Sees to it that one worker runs an interaction: `commands` has many readers, and a RESUME or a change of the shard
/// count may bring one twice.
///
/// A claim in Redis, by the interaction's id. Without Redis the interaction is run all the same: Discord takes its
/// first answer. So it does in the rare case that a claim is taken over from a reader that is still at work: one that
/// has not heard yet that it was cut off, or that has another copy than the one that comes again.
struct InteractionClaims: Sendable {
    enum Claim: Sendable, Equatable {
        case taken
        /// Another copy of it is being run, or any was.
        case repeated
        /// Redis did not answer.
        case unknown
    }

    /// An interaction's token lives as long.
    static let lifetime: Duration = .seconds(15 * 60)
    /// The first answer has 3 s from the interaction on.
    private static let patience: Duration = .milliseconds(250)

    let redis: RedisClient
    let logger: Logger

    /// KEYS[1]: the interaction. ARGV: 1 for a delivery that comes again; for how many milliseconds to remember it.
    private static let take = RedisScript(
        """
        local state = redis.call('GET', KEYS[1])
        if state == 'done' or (state and ARGV[1] == '0') then return 0 end
        redis.call('SET', KEYS[1], 'running', 'PX', ARGV[2])
        return 1
        """)

    /// - Parameter comesAgain: the broker has given this delivery before, to somebody who did not ack it. What became
    ///   of it is not known, so it may take a claim that is not settled.
    func take(_ interaction: Snowflake, comesAgain: Bool) async -> Claim {
        do {
            let answer = try await self.redis.run(
                Self.take, keys: [Self.key(of: interaction)],
                arguments: [.integer(comesAgain ? 1 : 0), .integer(Self.lifetimeMilliseconds)],
                timeout: Self.patience)
            return answer.integer == 0 ? .repeated : .taken
        } catch {
            self.logger.debug("an interaction is run without a claim", metadata: ["error": "\(error)"])
            return .unknown
        }
    }

    /// The interaction is answered, or parked: no copy of it is run any more. Should this get lost, and the ack too,
    /// the delivery is run again.
    func settle(_ interaction: Snowflake) async {
        do {
            try await self.redis.command(
                "SET", Self.key(of: interaction), "done", "PX", .integer(Self.lifetimeMilliseconds),
                timeout: Self.patience)
        } catch {
            self.logger.debug("an interaction's claim can't be settled", metadata: ["error": "\(error)"])
        }
    }

    private static let lifetimeMilliseconds = Int64(Self.lifetime / .milliseconds(1))

    private static func key(of interaction: Snowflake) -> RedisArgument { "interaction:\(interaction)" }
}
