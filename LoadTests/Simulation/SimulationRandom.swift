/// SplitMix64: the same numbers for the same seed, everywhere.
struct SimulationRandom: RandomNumberGenerator {
    private(set) var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = self.state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// 0 ..< 1.
    mutating func fraction() -> Double { Double(self.next() >> 11) * 0x1p-53 }

    /// One of `0 ..< count`.
    mutating func below(_ count: Int) -> Int { Int((self.next() >> 33) % UInt64(max(1, count))) }

    mutating func chance(_ probability: Double) -> Bool { self.fraction() < probability }

    /// Between both, in microseconds.
    mutating func time(_ low: Double, _ high: Double) -> VirtualTime {
        VirtualTime((low + (high - low) * self.fraction()) * 1_000_000)
    }

    mutating func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[self.below(elements.count)]
    }
}
