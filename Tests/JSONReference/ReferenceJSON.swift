/// A plain recursive JSON parser that the slicer is compared with: slow, allocating, and written without a look at it.
package indirect enum ReferenceJSON: Equatable {
    case null
    case bool(Bool)
    case number(String)
    /// UTF-16 units of escapes, bytes otherwise: enough for ASCII comparisons.
    case string([UInt32])
    case array([ReferenceJSON])
    case object([Member])

    package struct Member: Equatable {
        package let key: [UInt32]
        package let value: ReferenceJSON
        package let range: Range<Int>
    }

    package static func parse(_ bytes: [UInt8]) -> ReferenceJSON? {
        var parser = Parser(bytes: bytes)
        guard let value = parser.value() else { return nil }
        parser.space()
        return parser.at == bytes.count ? value : nil
    }

    package subscript(key: String) -> Member? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.key == key.utf8.map(UInt32.init) }
    }

    package var text: String? {
        guard case .string(let units) = self else { return nil }
        return String(decoding: units.map { UInt16(truncatingIfNeeded: $0) }, as: UTF16.self)
    }

    package var id: UInt64? {
        switch self {
        case .string:
            self.text.flatMap { $0.allSatisfy { ("0"..."9").contains($0) } && $0.count <= 20 ? UInt64($0) : nil }
        case .number(let digits): digits.first == "-" ? nil : UInt64(digits)
        default: nil
        }
    }

    private struct Parser {
        let bytes: [UInt8]
        var at = 0

        var next: Character? { self.at < self.bytes.count ? Character(Unicode.Scalar(self.bytes[self.at])) : nil }

        mutating func space() {
            while let next, next == " " || next == "\n" || next == "\t" || next == "\r" { self.at += 1 }
        }

        mutating func take(_ character: Character) -> Bool {
            guard self.next == character else { return false }
            self.at += 1
            return true
        }

        mutating func take(word: String) -> Bool { word.allSatisfy { self.take($0) } }

        mutating func value() -> ReferenceJSON? {
            self.space()
            switch self.next {
            case "n": return self.take(word: "null") ? .null : nil
            case "t": return self.take(word: "true") ? .bool(true) : nil
            case "f": return self.take(word: "false") ? .bool(false) : nil
            case "\"": return self.string().map(ReferenceJSON.string)
            case "[": return self.array()
            case "{": return self.object()
            default: return self.number()
            }
        }

        mutating func string() -> [UInt32]? {
            guard self.take("\"") else { return nil }
            var units: [UInt32] = []
            while self.at < self.bytes.count {
                let byte = self.bytes[self.at]
                self.at += 1
                switch byte {
                case 0x22: return units
                case 0..<0x20: return nil
                case 0x5C:
                    guard let kind = self.next else { return nil }
                    self.at += 1
                    switch kind {
                    case "\"", "\\", "/": units.append(kind.unicodeScalars.first?.value ?? 0)
                    case "b": units.append(8)
                    case "f": units.append(12)
                    case "n": units.append(10)
                    case "r": units.append(13)
                    case "t": units.append(9)
                    case "u":
                        var unit: UInt32 = 0
                        for _ in 0..<4 {
                            guard let digit = self.next?.hexDigitValue, self.next?.isASCII == true else { return nil }
                            unit = unit * 16 + UInt32(digit)
                            self.at += 1
                        }
                        units.append(unit)
                    default: return nil
                    }
                default: units.append(UInt32(byte))
                }
            }
            return nil
        }

        mutating func digits() -> String {
            var digits = ""
            while let next, ("0"..."9").contains(next) {
                digits.append(next)
                self.at += 1
            }
            return digits
        }

        mutating func number() -> ReferenceJSON? {
            var text = self.take("-") ? "-" : ""
            let whole = self.digits()
            guard !whole.isEmpty, whole == "0" || whole.first != "0" else { return nil }
            text += whole
            if self.take(".") {
                let fraction = self.digits()
                guard !fraction.isEmpty else { return nil }
                text += "." + fraction
            }
            if self.next == "e" || self.next == "E" {
                self.at += 1
                text += "e"
                if self.next == "+" || self.next == "-" { self.at += 1 }
                let exponent = self.digits()
                guard !exponent.isEmpty else { return nil }
                text += exponent
            }
            return .number(text)
        }

        mutating func array() -> ReferenceJSON? {
            guard self.take("[") else { return nil }
            self.space()
            if self.take("]") { return .array([]) }
            var items: [ReferenceJSON] = []
            while true {
                guard let item = self.value() else { return nil }
                items.append(item)
                self.space()
                if self.take("]") { return .array(items) }
                guard self.take(",") else { return nil }
            }
        }

        mutating func object() -> ReferenceJSON? {
            guard self.take("{") else { return nil }
            self.space()
            if self.take("}") { return .object([]) }
            var members: [Member] = []
            while true {
                self.space()
                guard let key = self.string() else { return nil }
                self.space()
                guard self.take(":") else { return nil }
                self.space()
                let start = self.at
                guard let value = self.value() else { return nil }
                members.append(Member(key: key, value: value, range: start..<self.at))
                self.space()
                if self.take("}") { return .object(members) }
                guard self.take(",") else { return nil }
            }
        }
    }
}
