import Discord

/// Makes ids that only grow, also when the clock steps back or more than 4096 are wanted in a millisecond.
struct SnowflakeGenerator: Sendable {
    private var last: UInt64 = 0

    mutating func next(now: Timestamp) -> Snowflake {
        let id = max(Snowflake(milliseconds: now.milliseconds).rawValue, self.last + 1)
        self.last = id
        return Snowflake(rawValue: id)
    }

    /// Ids made from here on are greater than this one.
    mutating func advance(past id: Snowflake) { self.last = max(self.last, id.rawValue) }
}
