import Gateway
import NIOCore

/// The server's end: sends all events once the client has said something.
final class EventReplay: GatewayConnectionDelegate {
    private static let pieceBytes = 1 << 18

    private let stream: CompressedEvents

    init(_ stream: CompressedEvents) { self.stream = stream }

    func received(_ message: ByteBuffer, on connection: GatewayConnection) {
        var rest = self.stream.frames
        while let piece = rest.readSlice(length: min(rest.readableBytes, Self.pieceBytes)), piece.readableBytes > 0 {
            connection.sendPrecompressed(piece)
        }
    }

    func closed(_ reason: GatewayCloseReason, on connection: GatewayConnection) {}
}
