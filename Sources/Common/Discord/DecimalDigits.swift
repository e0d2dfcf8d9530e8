/// Unsigned decimal numbers in text, without `String` or rounding on the way.
enum DecimalDigits {
    /// `nil` when empty, when a byte is no digit, or when the value needs more than 64 bits.
    static func parse(_ bytes: some Sequence<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        var count = 0
        for byte in bytes {
            let digit = byte &- 0x30
            guard digit < 10, count < 20 else { return nil }
            let (tens, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
            guard !over, !carry else { return nil }
            value = sum
            count += 1
        }
        return count == 0 ? nil : value
    }

    /// The low 64 bits of a number of any length; exact for bit sets, whose higher bits nobody here knows.
    static func parseLowBits(_ bytes: some Sequence<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        var count = 0
        for byte in bytes {
            let digit = byte &- 0x30
            guard digit < 10, count < 80 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            count += 1
        }
        return count == 0 ? nil : value
    }
}
