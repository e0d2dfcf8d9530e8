package import Foundation

/// Numbers and times as people read them.
package enum Phrase {
    /// Such as `12,345`.
    package static func count(_ number: Int) -> String {
        var digits = String(number.magnitude)
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits.removeLast(3)
        }
        return (number < 0 ? "-" : "") + ([Substring(digits)] + groups).joined(separator: ",")
    }

    /// Such as `1 slot` and `2 slots`.
    package static func count(_ number: Int, _ one: String, _ many: String? = nil) -> String {
        "\(self.count(number)) \(number == 1 ? one : many ?? one + "s")"
    }

    /// Events a second: `0`, `0.4`, `12.3`, `1,235`.
    package static func rate(_ number: Double) -> String {
        guard let number = self.bounded(number) else { return "?" }
        if number == 0 { return "0" }
        return abs(number) < 99.95 ? String(format: "%.1f", number) : self.count(Int(number.rounded()))
    }

    /// Such as `0.8 ms`, `41 ms` or `12.5 s`.
    package static func milliseconds(_ number: Double) -> String {
        guard let number = self.bounded(number) else { return "?" }
        if abs(number) >= 9999.5 { return String(format: "%.1f s", number / 1000) }
        return abs(number) < 9.95 ? String(format: "%.1f ms", number) : "\(Int(number.rounded())) ms"
    }

    /// Such as `45 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
    package static func duration(seconds: Double) -> String {
        guard let bounded = self.bounded(seconds) else { return "?" }
        let whole = Int(max(0, bounded).rounded(.down))
        func pair(_ large: Int, _ unit: String, _ small: Int, _ smallUnit: String) -> String {
            small == 0 ? "\(large) \(unit)" : "\(large) \(unit) \(small) \(smallUnit)"
        }
        switch whole {
        case ..<60: return "\(whole) s"
        case ..<3600: return pair(whole / 60, "min", whole % 60, "s")
        case ..<86_400: return pair(whole / 3600, "h", whole / 60 % 60, "min")
        default: return pair(whole / 86_400, "d", whole / 3600 % 24, "h")
        }
    }

    package static func duration(_ duration: Duration) -> String { self.duration(seconds: duration / .seconds(1)) }

    /// Such as `12 s ago`, `in 3 min`, or `now`. One unit: the rest is noise in a table.
    package static func relative(_ date: Date, to now: Date) -> String {
        guard let seconds = self.bounded(now.timeIntervalSince(date)) else { return "?" }
        let whole = Int(abs(seconds).rounded(.down))
        let span =
            switch whole {
            case 0: ""
            case ..<60: "\(whole) s"
            case ..<3600: "\(whole / 60) min"
            case ..<86_400: "\(whole / 3600) h"
            default: "\(whole / 86_400) d"
            }
        if span.isEmpty { return "now" }
        return seconds > 0 ? "\(span) ago" : "in \(span)"
    }

    /// What fits into an `Int`, and is a number.
    private static func bounded(_ number: Double) -> Double? { abs(number) < 1e15 ? number : nil }
}
