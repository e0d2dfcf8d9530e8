import Discord
import Testing

@testable import Sandbox

@Suite struct JSONTests {
    @Test(arguments: [
        #"{"a":[1,-2,3.5,1e3,true,false,null,"x"],"b":{}}"#, "[]", "0", "-0", #""""#, #""\u00e9\ud83d\ude00""#,
        "18446744073709551615",
    ])
    func `What is valid is parsed and written again with the same meaning`(text: String) throws {
        let value = try JSONValue(parsing: text)
        #expect(try JSONValue(parsing: value.text) == value)
    }

    @Test(arguments: [
        "", " ", "{", "[1,", #"{"a"}"#, #"{"a":}"#, "01", "1.", "-", "1e", "tru", #""a"#, #""\x""#, #""\u12""#, "[1]x",
        "{1:2}",
        "\"\u{1}\"", "nul", "[,]", "+1", "\u{feff}1",
    ])
    func `What is not valid is refused`(text: String) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test func `Depth is bounded`() {
        #expect(throws: JSONError(code: .tooDeep, offset: 64)) {
            try JSONValue(parsing: String(repeating: "[", count: 1_000_000))
        }
        #expect(throws: Never.self) {
            try JSONValue(parsing: String(repeating: "[", count: 64) + String(repeating: "]", count: 64))
        }
    }

    @Test func `Strings are unescaped, and lone surrogates replaced`() throws {
        #expect(try JSONValue(parsing: #""a\n\t\"\\\/\u0041""#).string == "a\n\t\"\\/A")
        #expect(try JSONValue(parsing: #""\ud83d\ude00""#).string == "😀")
        #expect(try JSONValue(parsing: #""\ud83d""#).string == "\u{FFFD}")
        #expect(try JSONValue(parsing: #""\ud83dx""#).string == "\u{FFFD}x")
    }

    @Test func `Control characters and quotes are escaped when written`() {
        #expect(JSONValue.string("a\"\\\n\u{1}é").text == #""a\"\\\n\u0001é""#)
    }

    @Test func `Of a repeated key the last counts, and numbers keep their literal`() throws {
        #expect(try JSONValue(parsing: #"{"a":1,"a":2}"#)["a"] == 2)
        #expect(try JSONValue(parsing: "18446744073709551615").snowflake?.rawValue == .max)
        #expect(try JSONValue(parsing: "1.50").text == "1.50")
    }

    @Test func `Timestamps are written as Discord writes them`() {
        #expect(Timestamp(milliseconds: 1_767_323_045_678).text == "2026-01-02T03:04:05.678000+00:00")
        #expect(Timestamp(milliseconds: 0).text == "1970-01-01T00:00:00.000000+00:00")
        #expect(Timestamp(milliseconds: 951_782_400_000).text == "2000-02-29T00:00:00.000000+00:00")
    }
}
