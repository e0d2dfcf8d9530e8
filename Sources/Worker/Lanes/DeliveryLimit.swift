/// How long a worker may take over one delivery before it parks what is left to do.
///
/// RabbitMQ closes the channel of a consumer that leaves a delivery unacknowledged for longer than `consumer_timeout`,
/// and everything the consumer held comes again. A delivery waits for all that were prefetched before it.
enum DeliveryLimit {
    /// RabbitMQ's own, unless it is told otherwise.
    static let consumerTimeout: Duration = .seconds(30 * 60)
    /// Also with few prefetched: a lane should not wait for longer.
    static let longest: Duration = .seconds(60)
    /// The same of the wait for room in `parking`.
    static let longestParking: Duration = .seconds(180)

    /// With 16 prefetched 60 s, with 100 9.6 s.
    static func limit(prefetch: Int) -> Duration { min(self.longest, self.share(prefetch) * 2 / 3) }

    /// For room in `parking`, after that. With 16 prefetched 30 s, with 100 4.8 s.
    static func parking(prefetch: Int) -> Duration {
        min(self.longestParking, self.share(prefetch) - self.limit(prefetch: prefetch))
    }

    /// All that were prefetched together take four fifths of the consumer timeout at most.
    private static func share(_ prefetch: Int) -> Duration { self.consumerTimeout * 4 / 5 / max(1, prefetch) }
}
