/// Text that came from somewhere else, made fit for a terminal.
package enum HarmlessText {
    /// Control characters, and those that turn the direction of writing, as `\u{1B}` and the like: a member's id or a
    /// reason can neither move the cursor nor pass for another one.
    package static func of(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: self.isHarmful) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if self.isHarmful(scalar) {
                result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse: true
        // Zero-width joiners are part of words and of emoji; the rest of this category is not seen, or turns text.
        case .format: scalar.value != 0x200C && scalar.value != 0x200D
        default: false
        }
    }
}
