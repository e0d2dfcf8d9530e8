import NIOCore

/// One frame as it came from the broker.
struct AMQPFrame: Equatable {
    enum Kind: UInt8 {
        case method = 1
        case header = 2
        case body = 3
        case heartbeat = 8
    }

    /// Header (kind, channel, size) and end octet.
    static let overhead = 8
    static let end: UInt8 = 0xCE
    /// The smallest frame-max that AMQP 0-9-1 lets peers agree on; also the cap until they have.
    static let minimumMaximum = 4_096

    let kind: Kind
    let channel: UInt16
    let payload: ByteBuffer
}
