import Testing

@testable import OperatorConsole

@Suite("Harmless text")
struct HarmlessTextTests {
    @Test(arguments: [
        ("shard-1", "shard-1"),
        ("", ""),
        ("Größe ✓ 漢字 👩‍🚀", "Größe ✓ 漢字 👩‍🚀"),
        ("\u{1B}[2J\u{1B}]0;x\u{7}", #"\u{1B}[2J\u{1B}]0;x\u{7}"#),
        ("a\nb\tc\r", #"a\u{A}b\u{9}c\u{D}"#),
        // The one-byte forms of escape sequences, and what turns the direction of writing.
        ("\u{9B}31m", #"\u{9B}31m"#),
        ("shard\u{202E}1-", #"shard\u{202E}1-"#),
        ("a\u{200B}b\u{2028}", #"a\u{200B}b\u{2028}"#),
        // A tag and a byte order mark are not seen at all.
        ("a\u{E0041}\u{FEFF}", #"a\u{E0041}\u{FEFF}"#),
    ])
    func `What a terminal would obey is written out`(given: String, shown: String) {
        #expect(HarmlessText.of(given) == shown)
    }
}
