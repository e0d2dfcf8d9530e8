@testable import AMQP

/// Writes what a broker sends, without the code under test.
struct BrokerBytes {
    private(set) var all: [UInt8] = []
    /// Where each frame starts.
    private(set) var starts: [Int] = []

    mutating func frame(_ kind: UInt8, channel: UInt16, payload: [UInt8], end: UInt8 = 0xCE) {
        self.starts.append(self.all.count)
        self.all += [kind] + Self.bytes(channel) + Self.bytes(UInt32(payload.count)) + payload + [end]
    }

    mutating func heartbeat() { self.frame(8, channel: 0, payload: []) }

    mutating func method(_ classID: UInt16, _ methodID: UInt16, channel: UInt16 = 1, _ arguments: [UInt8] = []) {
        self.frame(1, channel: channel, payload: Self.bytes(classID) + Self.bytes(methodID) + arguments)
    }

    mutating func handshake(channelMax: UInt16 = 2_047, frameMax: UInt32 = 131_072, heartbeat: UInt16 = 0) {
        let capabilities = Self.short("publisher_confirms") + [0x74, 1] + Self.short("basic.nack") + [0x74, 1]
        let properties =
            Self.short("capabilities") + [0x46] + Self.long(capabilities) + Self.short("product") + [0x53]
            + Self.long(Array("RabbitMQ".utf8)) + Self.short("numbers") + [0x41]
            + Self.long([0x49, 0, 0, 0, 1, 0x62, 0xFF, 0x56])
        self.method(
            10, 10, channel: 0,
            [0, 9] + Self.long(properties) + Self.long(Array("PLAIN AMQPLAIN".utf8)) + Self.long(Array("en_US".utf8)))
        self.method(10, 30, channel: 0, Self.bytes(channelMax) + Self.bytes(frameMax) + Self.bytes(heartbeat))
        self.method(10, 41, channel: 0, [0])
    }

    mutating func channelOpenOk(_ channel: UInt16 = 1) { self.method(20, 11, channel: channel, [0, 0, 0, 0]) }

    mutating func content(header properties: [UInt8], body: [UInt8], pieces: Int = 1, channel: UInt16 = 1) {
        self.frame(
            2, channel: channel,
            payload: Self.bytes(UInt16(60)) + [0, 0] + Self.bytes(UInt64(body.count)) + properties)
        guard !body.isEmpty else { return }
        let size = max(1, (body.count + pieces - 1) / pieces)
        for start in stride(from: 0, to: body.count, by: size) {
            self.frame(3, channel: channel, payload: Array(body[start..<min(start + size, body.count)]))
        }
    }

    mutating func deliver(_ deliveryTag: UInt64, to consumerTag: String, body: [UInt8], pieces: Int = 1) {
        self.method(
            60, 60, Self.short(consumerTag) + Self.bytes(deliveryTag) + [0] + Self.short("exchange") + Self.short("key")
        )
        let headers =
            Self.short("x-death") + [0x41]
            + Self.long([0x46] + Self.long(Self.short("count") + [0x6C] + Self.bytes(UInt64(3))))
        self.content(
            header: [0xB0, 0x00] + Self.short("text/plain") + Self.long(headers) + [2], body: body, pieces: pieces)
    }

    mutating func ack(_ tag: UInt64, multiple: Bool = false) {
        self.method(60, 80, Self.bytes(tag) + [multiple ? 1 : 0])
    }

    mutating func returned(tag: UInt64, body: [UInt8]) {
        self.method(
            60, 50, Self.bytes(UInt16(312)) + Self.short("NO_ROUTE") + Self.short("exchange") + Self.short("key"))
        let headers = Self.short("publish-tag") + [0x6C] + Self.bytes(tag)
        self.content(header: [0x20, 0x00] + Self.long(headers), body: body)
    }

    static func bytes(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
    static func short(_ text: String) -> [UInt8] { [UInt8(text.utf8.count)] + Array(text.utf8) }
    static func long(_ bytes: [UInt8]) -> [UInt8] { Self.bytes(UInt32(bytes.count)) + bytes }
}
