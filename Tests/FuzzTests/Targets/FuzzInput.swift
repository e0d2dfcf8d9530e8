import Glibc
@_spi(CustomByteBufferAllocator) import NIOCore

/// One input: its first bytes choose the variant, the others are what the code under test reads.
struct FuzzInput {
    private var bytes: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// The next byte; 0 past the end.
    mutating func choice() -> UInt8 {
        guard let first = self.bytes.first else { return 0 }
        self.bytes = .init(rebasing: self.bytes.dropFirst())
        return first
    }

    var rest: [UInt8] { Array(self.bytes) }

    /// The rest in one buffer.
    var whole: ByteBuffer { ByteBuffer(exactly: self.bytes[...]) }

    /// The rest in pieces, as TCP may cut it. 0: one piece, 1: single bytes, else by a generator of that seed. Of many
    /// pieces the last is what is left.
    func pieces(_ seed: UInt8) -> [ByteBuffer] {
        var random = Choices(seed: seed)
        var rest = self.bytes[...]
        var pieces: [ByteBuffer] = []
        while !rest.isEmpty {
            let length =
                switch seed {
                case _ where pieces.count == 200: rest.count
                case 0: rest.count
                case 1: 1
                default: min(rest.count, 1 + Int(random.next() % (2 << UInt64(seed % 8))))
                }
            pieces.append(ByteBuffer(exactly: rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        return pieces
    }
}

/// Numbers that follow from a byte of the input.
struct Choices {
    private var state: UInt64

    init(seed: UInt8) { self.state = 0x9E37_79B9_7F4A_7C15 &* (UInt64(seed) + 1) }

    /// xorshift64.
    mutating func next() -> UInt64 {
        self.state ^= self.state << 13
        self.state ^= self.state >> 7
        self.state ^= self.state << 17
        return self.state >> 3
    }
}

extension ByteBuffer {
    /// In memory of just that size, so that the address sanitizer sees a read past the end. Usually there is slack.
    init(exactly bytes: Slice<UnsafeRawBufferPointer>) {
        guard !bytes.isEmpty, let memory = malloc(bytes.count) else {
            self = ByteBuffer()
            return
        }
        let copy = UnsafeMutableRawBufferPointer(start: memory, count: bytes.count)
        copy.copyBytes(from: bytes)
        self.init(takingOwnershipOf: copy, allocator: ByteBufferAllocator())
    }
}
