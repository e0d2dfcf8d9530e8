import Discord
import Testing

@Suite("JSON slices")
struct JSONSliceTests {
    private func withSlice<Result>(_ text: String, _ body: (JSONSlice) throws -> Result) throws -> Result {
        var text = text
        return try text.withUTF8 { try body(JSONSlice(UnsafeRawBufferPointer($0))) }
    }

    private func text(_ slice: JSONSlice) -> String { String(decoding: slice.raw, as: UTF8.self) }

    @Test
    func `Members come in order, with their values as written`() throws {
        try self.withSlice(#" { "a" : 1 , "b":[1, {"a":2}] ,"c":"x\"}" , "d" : null } "#) { slice in
            var values: [String] = []
            try slice.forEachMember { (_, value) throws(SliceError) in values.append(self.text(value)) }
            #expect(values == ["1", #"[1, {"a":2}]"#, #""x\"}""#, "null"])
        }
    }

    @Test
    func `Elements come in order; empty containers and other values have none`() throws {
        var elements: [String] = []
        try self.withSlice(#"[1,"a,b", [] ,{"x":[2]}]"#) {
            try $0.forEachElement { (element) throws(SliceError) in elements.append(self.text(element)) }
        }
        #expect(elements == ["1", #""a,b""#, "[]", #"{"x":[2]}"#])
        for other in ["[]", "{}", "[ ]", "{ }", "7", #""[1]""#, "null"] {
            try self.withSlice(other) { slice in
                try slice.forEachElement { (_) throws(SliceError) in Issue.record("an element of \(other)") }
                try slice.forEachMember { (_, _) throws(SliceError) in Issue.record("a member of \(other)") }
            }
        }
    }

    @Test
    func `A member is found by what its key spells, the last of several, and only at the top`() throws {
        try self.withSlice(#"{"user":{"id":"1"},"i\u0064":"2","id":"3","x":{"id":"4"}}"#) { slice in
            let (own, inner, absent) = try (
                slice.member("id")?.id, slice.member("user")?.member("id")?.id, slice.member("absent")
            )
            #expect(own == 3 && inner == 1 && absent == nil)
        }
        let escaped = try self.withSlice(#"{"i\u0064":"2"}"#) { try $0.member("id")?.id }
        #expect(escaped == 2)
    }

    @Test(arguments: [
        (#""123""#, 123), ("123", 123), (#""18446744073709551615""#, UInt64.max), (#""""#, nil), ("-1", nil),
        ("null", nil), (#""12x""#, nil), ("1.5", nil), (#""18446744073709551616""#, nil),
    ])
    func `Ids are numbers or strings of 64 bits`(text: String, id: UInt64?) throws {
        try self.withSlice(text) { #expect($0.id == id) }
    }

    @Test(arguments: ["", "{", "[1", #"{"a"}"#, #"{"a":}"#, "[1,]", "{,}", "[1] 2", "tru"])
    func `What is no JSON is refused`(text: String) {
        #expect(throws: SliceError.self) {
            try self.withSlice(text) { _ in }
        }
    }
}
