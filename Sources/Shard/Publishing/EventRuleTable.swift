import Foundation

/// Finds the rule of an event by its name's bytes: one multiplication, one comparison in most cases, no allocation.
/// Names lie in an open hash table; a name that is in none of the places from its own on is not there.
final class EventRuleTable: Sendable {
    private struct Place {
        var start: UInt32 = 0
        /// 0: free.
        var count: UInt32 = 0
        var rule = EventRule()
    }

    private let bytes: [UInt8]
    private let places: [Place]
    private let shift: UInt64

    /// - Parameter rules: names are not empty.
    init(_ rules: [String: EventRule]) {
        // At least three free places for each taken one.
        let bits = max(4, Int.bitWidth - (rules.count * 4).leadingZeroBitCount)
        self.shift = UInt64(64 - bits)
        var bytes: [UInt8] = []
        var places = Array(repeating: Place(), count: 1 << bits)
        for (name, rule) in rules where !name.isEmpty {
            let start = bytes.count
            bytes += name.utf8
            var index = bytes[start...].withUnsafeBytes { Self.hash($0, shift: UInt64(64 - bits)) }
            while places[index].count > 0 { index = (index + 1) & (places.count - 1) }
            places[index] = Place(start: UInt32(start), count: UInt32(bytes.count - start), rule: rule)
        }
        self.bytes = bytes
        self.places = places
    }

    func rule(of name: UnsafeRawBufferPointer) -> EventRule? {
        guard let base = name.baseAddress, name.count > 0 else { return nil }
        var index = Self.hash(name, shift: self.shift)
        return self.places.withUnsafeBufferPointer { places in
            while places[index].count > 0 {
                let place = places[index]
                if Int(place.count) == name.count, self.isSame(base, as: place) { return place.rule }
                index = (index + 1) & (places.count - 1)
            }
            return nil
        }
    }

    private func isSame(_ name: UnsafeRawPointer, as place: Place) -> Bool {
        self.bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return false }
            return memcmp(base + Int(place.start), name, Int(place.count)) == 0
        }
    }

    /// Of the length, the first bytes and the last ones: no two known names have all of them in common.
    private static func hash(_ name: UnsafeRawBufferPointer, shift: UInt64) -> Int {
        var first: UInt64 = 0
        var last: UInt64 = 0
        if name.count >= 8 {
            first = name.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
            last = name.loadUnaligned(fromByteOffset: name.count - 8, as: UInt64.self)
        } else {
            for byte in name { first = first << 8 | UInt64(byte) }
        }
        let mixed = (first ^ (last << 23 | last >> 41)) &+ UInt64(name.count) &* 0x9E37_79B9_7F4A_7C15
        return Int((mixed &* 0xD6E8_FEB8_6659_FD93) >> shift)
    }
}
