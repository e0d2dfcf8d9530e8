import TestSupport
import Testing

@testable import Gateway

@Suite("UTF-8 validation", .timeLimit(.minutes(1)))
struct UTF8ValidationTests {
    @Test
    func `It agrees with the standard library on random bytes`() {
        var random = SeededGenerator(seed: 3629)
        let interesting: [UInt8] =
            [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0]
            + [0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]
        var valid = 0
        for _ in 0..<50_000 {
            let prefix = Array(repeating: UInt8(ascii: "a"), count: Int.random(in: 0...9, using: &random))
            let count = Int.random(in: 0...5, using: &random)
            let bytes = prefix + (0..<count).map { _ in interesting.randomElement(using: &random) ?? 0 }
            let expected = String(validating: bytes, as: UTF8.self) != nil
            valid += expected ? 1 : 0
            if bytes.withUnsafeBytes({ $0.isValidUTF8 }) != expected { Issue.record("\(bytes)") }
        }
        #expect(valid > 2_500)
    }

    @Test
    func `Scalars of every plane are valid`() {
        for value in stride(from: UInt32(0), through: 0x10FFFF, by: 7) {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let bytes = Array(String(Character(scalar)).utf8)
            if !bytes.withUnsafeBytes({ $0.isValidUTF8 }) { Issue.record("U+\(String(value, radix: 16))") }
        }
    }
}
