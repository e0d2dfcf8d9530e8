package import NIOCore
import Synchronization

/// A message of a subscribed channel.
package struct RedisMessage: Sendable, Equatable {
    package let channel: String
    /// The pattern that matched, for subscriptions by pattern.
    package let pattern: String?
    package let payload: ByteBuffer
}

/// Messages of the channels asked for. When the reader is slow the oldest are dropped and counted. Letting go of the
/// sequence and its iterator unsubscribes. One reader at a time. It ends when the client shuts down.
package struct RedisSubscription: AsyncSequence, Sendable {
    package typealias Element = RedisMessage

    final class Counters: Sendable {
        let dropped = Atomic<Int>(0)
        let gaps = Atomic<Int>(0)
    }

    /// The client's side of a subscription.
    final class Subscriber: Sendable {
        let channels: Set<String>
        let patterns: Set<String>
        let counters = Counters()
        private let continuation: AsyncStream<RedisMessage>.Continuation

        init(channels: [String], patterns: [String], continuation: AsyncStream<RedisMessage>.Continuation) {
            self.channels = Set(channels)
            self.patterns = Set(patterns)
            self.continuation = continuation
        }

        func deliver(_ message: RedisMessage) {
            if case .dropped = self.continuation.yield(message) { self.counters.dropped.add(1, ordering: .relaxed) }
        }

        func finish() { self.continuation.finish() }
    }

    private let counters: Counters
    private let messages: AsyncStream<RedisMessage>

    /// Messages dropped because the reader was slower than the channel.
    package var dropped: Int { self.counters.dropped.load(ordering: .relaxed) }
    /// How often the connection was lost and the channels subscribed anew: what was published in between is missing.
    package var gaps: Int { self.counters.gaps.load(ordering: .relaxed) }

    package func makeAsyncIterator() -> AsyncStream<RedisMessage>.Iterator { self.messages.makeAsyncIterator() }

    static func make(
        channels: [String],
        patterns: [String],
        bufferLimit: Int,
        onEnd: @escaping @Sendable (ObjectIdentifier) -> Void
    ) -> (RedisSubscription, Subscriber) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: RedisMessage.self,
            bufferingPolicy: .bufferingNewest(Swift.max(bufferLimit, 1))
        )
        let subscriber = Subscriber(channels: channels, patterns: patterns, continuation: continuation)
        let id = ObjectIdentifier(subscriber)
        continuation.onTermination = { (_: AsyncStream<RedisMessage>.Continuation.Termination) in onEnd(id) }
        return (RedisSubscription(counters: subscriber.counters, messages: stream), subscriber)
    }
}
