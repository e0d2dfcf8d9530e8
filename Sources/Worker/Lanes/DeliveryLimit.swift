/// How long a worker may take over one delivery before it parks what is left to do.
///
/// RabbitMQ closes the channel of a consumer that leaves a delivery unacknowledged for longer than `consumer_timeout`,
/// and everything the consumer held comes again. A delivery waits for all that were prefetched before it.
enum DeliveryLimit {
    /// RabbitMQ's own, unless it is told otherwise.
    static let consumerTimeout: Duration = .seconds(30 * 60)
    /// Also with few prefetched: a lane should not wait for longer.
    static let longest: Duration = .seconds(60)
    /// A delivery that waits this long for room in `parking` is the last that its connection brings.
    static let parkingPatience: Duration = Self.consumerTimeout / 10

    /// With 16 prefetched 60 s, with 100 14.4 s: all of them together take four fifths of the consumer timeout at most.
    static func limit(prefetch: Int) -> Duration {
        min(self.longest, self.consumerTimeout * 4 / 5 / max(1, prefetch))
    }
}
