/// FNV-1a of 64 bits, as the sandbox' ledger has it for the bytes of an event's `d`.
package enum FNV1a {
    /// The empty sequence gives 0xCBF29CE484222325, `a` gives 0xAF63DC4C8601EC8C.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash
    }

    package static func hash(_ text: String) -> UInt64 {
        var text = text
        return text.withUTF8 { self.hash(UnsafeRawBufferPointer($0)) }
    }
}
