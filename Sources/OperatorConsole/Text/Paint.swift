/// What a text says besides its words. The words have to say it too: colours are not always there, or not seen.
package enum TextStyle: String, Sendable {
    case strong = "1"
    case faint = "2"
    case bad = "31"
    case good = "32"
    case warning = "33"
}

/// Puts colours on, or leaves them off.
package struct Paint: Sendable {
    package let isOn: Bool

    package init(isOn: Bool) { self.isOn = isOn }

    package func callAsFunction(_ text: String, _ style: TextStyle?) -> String {
        guard self.isOn, let style, !text.isEmpty else { return text }
        return "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m"
    }
}
