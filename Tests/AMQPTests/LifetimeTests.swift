import NIOCore
import NIOEmbedded
import Testing

@testable import AMQP

@Suite("What is left of a connection", .timeLimit(.minutes(1)))
struct LifetimeTests {
    private enum End: CaseIterable { case dropped, closedByBroker, cut, beforeItOpened }

    @Test(arguments: End.allCases)
    private func `Nothing of it is left in memory`(end: End) throws {
        weak var handler: AMQPConnectionHandler?
        weak var core: AMQPChannelCore?
        do {
            let broker = try EmbeddedBroker()
            handler = broker.handler
            if end != .beforeItOpened {
                broker.send { $0.handshake() }
                core = try broker.openChannel().core.value
            }
            switch end {
            case .dropped, .beforeItOpened: broker.handler.drop()
            case .closedByBroker:
                broker.send {
                    $0.method(
                        10, 50, channel: 0, [0x01, 0x40] + BrokerBytes.short("CONNECTION_FORCED") + [0, 0, 0, 0])
                }
            case .cut: _ = try broker.channel.finish(acceptAlreadyClosed: true)
            }
            // Timers that go on after the end hold what they belong to.
            broker.channel.embeddedEventLoop.advanceTime(by: .minutes(1))
            #expect(handler != nil)
        }
        #expect(handler == nil)
        #expect(core == nil)
    }
}
