/// Times as Discord writes them: `2026-01-31T23:59:59.123456+00:00` (ISO 8601).
package enum DiscordTimestamp {
    /// Milliseconds since 1970; `nil` for what is no such time.
    package static func milliseconds(_ text: some StringProtocol) -> Int64? {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count else { return nil }
            return DecimalDigits.parse(bytes[range]).map { Int64(clamping: $0) }
        }
        guard bytes.count >= 20, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[10] | 0x20 == UInt8(ascii: "t"), bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        var place = 19
        var fraction: Int64 = 0
        if bytes[place] == UInt8(ascii: ".") {
            let digits = bytes[(place + 1)...].prefix { $0 &- 0x30 < 10 }
            guard !digits.isEmpty else { return nil }
            for (index, digit) in digits.prefix(3).enumerated() {
                fraction += Int64(digit &- 0x30) * [100, 10, 1][index]
            }
            place += 1 + digits.count
        }
        guard let offset = Self.offsetMinutes(bytes[place...]) else { return nil }
        let seconds = Self.days(year, month, day) * 86_400 + hour * 3_600 + (minute - offset) * 60 + second
        return seconds * 1_000 + fraction
    }

    private static func offsetMinutes(_ bytes: ArraySlice<UInt8>) -> Int64? {
        guard let sign = bytes.first else { return nil }
        if sign | 0x20 == UInt8(ascii: "z") { return bytes.count == 1 ? 0 : nil }
        let rest = bytes.dropFirst().filter { $0 != UInt8(ascii: ":") }
        guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), rest.count == 4,
            let hours = DecimalDigits.parse(rest.prefix(2)), let minutes = DecimalDigits.parse(rest.suffix(2))
        else { return nil }
        return (sign == UInt8(ascii: "-") ? -1 : 1) * Int64(hours * 60 + minutes)
    }

    /// Days since 1970 in the Gregorian calendar; the year begins in March, so that leap days come last.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
