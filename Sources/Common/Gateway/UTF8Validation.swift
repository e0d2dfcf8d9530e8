extension UnsafeRawBufferPointer {
    /// Whether the bytes are UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
    var isValidUTF8: Bool {
        var index = 0
        while index < self.count {
            // Most gateway text is ASCII: eight bytes a step.
            if self.count - index >= 8,
                self.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
            {
                index += 8
                continue
            }
            let lead = self[index]
            let length: Int
            // What the second byte may be; the others may be 0x80 to 0xBF (RFC 3629, section 4).
            var second: ClosedRange<UInt8> = 0x80...0xBF
            switch lead {
            case 0x00...0x7F: length = 1
            case 0xC2...0xDF: length = 2
            case 0xE0: (length, second) = (3, 0xA0...0xBF)
            case 0xED: (length, second) = (3, 0x80...0x9F)
            case 0xE1...0xEF: length = 3
            case 0xF0: (length, second) = (4, 0x90...0xBF)
            case 0xF1...0xF3: length = 4
            case 0xF4: (length, second) = (4, 0x80...0x8F)
            default: return false
            }
            guard self.count - index >= length else { return false }
            if length > 1 {
                guard second ~= self[index + 1] else { return false }
                for offset in 2..<Swift.max(length, 2) where self[index + offset] & 0xC0 != 0x80 { return false }
            }
            index += length
        }
        return true
    }
}
