extension String {
    /// How many columns of a terminal the text takes.
    var displayWidth: Int { self.reduce(0) { $0 + $1.displayWidth } }

    /// The text, or its beginning and `…`, in at most `width` columns.
    func cut(to width: Int) -> String {
        guard self.displayWidth > width else { return self }
        guard width > 0 else { return "" }
        var result = ""
        var taken = 1
        for character in self {
            taken += character.displayWidth
            if taken > width { break }
            result.append(character)
        }
        return result + "…"
    }
}

extension Character {
    /// 0, 1 or 2 columns, after Unicode's East Asian Width (UAX #11) and emoji presentation (UTS #51).
    fileprivate var displayWidth: Int {
        guard let first = self.unicodeScalars.first else { return 0 }
        let isSelected = self.unicodeScalars.contains { $0.value == 0xFE0F }
        if first.properties.isEmojiPresentation || isSelected && first.properties.isEmoji { return 2 }
        switch first.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return Self.isWide(first.value) ? 2 : 1
        }
    }

    private static func isWide(_ value: UInt32) -> Bool {
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x1F200...0x1F2FF, 0x20000...0x3FFFD:
            true
        default: false
        }
    }
}
