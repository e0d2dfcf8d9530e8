import NIOCore

/// The hash slot of a key: CRC16 (XMODEM) of the key, or of what stands between its first "{" and the next "}", modulo
/// 16384. Redis cluster specification, "Key distribution model". "foo" is in 12182, as is "{foo}.bar".
enum HashSlot {
    static let count = 16_384

    static func of(_ key: some Collection<UInt8>) -> Int {
        if let open = key.firstIndex(of: UInt8(ascii: "{")) {
            let tail = key[key.index(after: open)...]
            if let close = tail.firstIndex(of: UInt8(ascii: "}")), close != tail.startIndex {
                return Int(self.crc16(tail[..<close])) % self.count
            }
        }
        return Int(self.crc16(key)) % self.count
    }

    static func of(_ key: String) -> Int { self.of(Array(key.utf8)) }

    static func crc16(_ bytes: some Sequence<UInt8>) -> UInt16 {
        bytes.reduce(0) { crc, byte in crc << 8 ^ self.table[Int(UInt8(truncatingIfNeeded: crc >> 8) ^ byte)] }
    }

    private static let table: [UInt16] = (0..<256).map { index in
        (0..<8).reduce(UInt16(index) << 8) { crc, _ in crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
    }
}
