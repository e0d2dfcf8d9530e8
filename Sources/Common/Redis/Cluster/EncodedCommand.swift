import NIOCore

/// One command inside the encoded bytes of a pipeline, which this module has written itself.
struct EncodedCommand {
    /// The whole command.
    let bytes: ByteBuffer
    let arguments: [ByteBuffer]

    /// Takes the next command off the front of `buffer`; `nil` when there is none.
    init?(from buffer: inout ByteBuffer) {
        let start = buffer
        guard let count = Self.readHeader(from: &buffer) else { return nil }
        var arguments: [ByteBuffer] = []
        arguments.reserveCapacity(count)
        for _ in 0..<count {
            guard let length = Self.readHeader(from: &buffer), let argument = buffer.readSlice(length: length) else {
                return nil
            }
            buffer.moveReaderIndex(forwardBy: min(2, buffer.readableBytes))
            arguments.append(argument)
        }
        let length = buffer.readerIndex - start.readerIndex
        guard let bytes = start.getSlice(at: start.readerIndex, length: length) else { return nil }
        self.bytes = bytes
        self.arguments = arguments
    }

    private static func readHeader(from buffer: inout ByteBuffer) -> Int? {
        guard buffer.readInteger(as: UInt8.self) != nil else { return nil }
        var value = 0
        while let byte = buffer.readInteger(as: UInt8.self) {
            if byte == UInt8(ascii: "\r") {
                buffer.moveReaderIndex(forwardBy: min(1, buffer.readableBytes))
                return value
            }
            value = value * 10 + Int(byte &- 0x30)
        }
        return nil
    }

    /// Where the cluster wants it.
    var route: ClusterRoute {
        guard let name = self.arguments.first.map({ String(buffer: $0).uppercased() }) else { return .anyNode }
        guard let keys = CommandKeys.indices(of: name, arguments: self.arguments) else {
            return .refused("\(name): the keys can't be told from the arguments")
        }
        var slot: Int?
        for index in keys {
            let next = HashSlot.of(self.arguments[index].readableBytesView)
            if let slot, slot != next {
                return .refused("\(name): keys of different hash slots; use one {tag} for all")
            }
            slot = next
        }
        return slot.map { .slot($0) } ?? .anyNode
    }
}

enum ClusterRoute: Hashable {
    case slot(Int)
    case anyNode
    case refused(String)
}
