/// Text and numbers that are the same in each run (SplitMix64).
struct WordGenerator {
    private var state: UInt64

    init(state: UInt64) { self.state = state }

    private static let syllables = [
        "ka", "lo", "mi", "re", "sun", "ter", "vo", "wa", "ing", "the ", "and ", "ble", "of ", "qu", "sh", "or", "an ",
        "é", "st", "ly ", "un", "do ", "er", "on ", "pa", "gri", "zel", "ho", "n ", "ta", "to ", "!",
    ]

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func words(bytes: Int) -> String {
        var text = ""
        while text.utf8.count < bytes { text += Self.syllables[Int(self.next() % 32)] }
        return text
    }

    /// An id as Discord's are, of 19 digits.
    mutating func id() -> UInt64 { 1_000_000_000_000_000_000 + self.next() % 400_000_000_000_000_000 }

    /// 32 hex digits, as images are named.
    mutating func hash() -> String {
        let digits = String(self.next(), radix: 16) + String(self.next(), radix: 16)
        return digits + String(repeating: "0", count: 32 - digits.count)
    }
}
