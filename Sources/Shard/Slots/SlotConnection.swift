import Gateway
import NIOCore

/// Hears one connection for its slot.
final class SlotConnection: GatewayConnectionDelegate {
    private let slot: NIOLoopBound<ShardSlot>
    private let generation: UInt64

    init(slot: NIOLoopBound<ShardSlot>, generation: UInt64) {
        self.slot = slot
        self.generation = generation
    }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        self.slot.value.received(message, self.generation)
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {
        self.slot.value.closed(reason, self.generation)
    }
}
