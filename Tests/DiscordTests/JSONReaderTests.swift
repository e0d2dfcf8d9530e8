import Discord
import Testing

@Suite("JSON reader")
struct JSONReaderTests {
    private func read<Result>(
        _ text: String, _ body: (inout JSONReader) throws(SliceError) -> Result
    ) throws -> Result {
        var text = text
        return try text.withUTF8 {
            var reader = try JSONReader(UnsafeRawBufferPointer($0))
            let result = try body(&reader)
            try reader.expectEnd()
            return result
        }
    }

    private func text(_ slice: JSONSlice) -> String { String(decoding: slice.raw, as: UTF8.self) }

    @Test
    func `Members and elements come in order, to be gone into or taken`() throws {
        var read: [String] = []
        try self.read(#" { "a" : [ 1 , {"x":[2]}, [] ] ,"b":null, "c" : { } ,"d":"\"}" } "#) {
            (reader) throws(SliceError) in
            try reader.readMembers { (key, value) throws(SliceError) in
                if key.is("a") {
                    try value.readElements { (element) throws(SliceError) in
                        read.append(self.text(try element.takeValue()))
                    }
                } else if key.is("c") {
                    try value.readMembers { (_, _) throws(SliceError) in read.append("none is expected") }
                } else if try !value.takeNull() {
                    read.append(self.text(try value.takeValue()))
                }
            }
        }
        #expect(read == ["1", #"{"x":[2]}"#, "[]", #""\"}""#])
    }

    @Test
    func `An escaped key is what it spells`() throws {
        try self.read(#"{"i\u0064":1}"#) { (reader) throws(SliceError) in
            try reader.readMembers { (key, value) throws(SliceError) in
                #expect(key.is("id") && !key.is("i\\u0064"))
                _ = try value.takeValue()
            }
        }
    }

    @Test(arguments: [
        "", "{", "{}", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[01]", "[nul]", #"["a]"#, "[1}", "7", "null",
    ])
    func `What is no array throws`(text: String) {
        #expect(throws: SliceError.self) {
            try self.read(text) { (reader) throws(SliceError) in
                try reader.readElements { (element) throws(SliceError) in _ = try element.takeValue() }
            }
        }
    }

    @Test(arguments: [#"{"a"}"#, #"{"a":}"#, #"{"a":1,}"#, #"{a:1}"#, #"{"a":1]"#, #"{"a":1"#, "[]", "1"])
    func `What is no object throws`(text: String) {
        #expect(throws: SliceError.self) {
            try self.read(text) { (reader) throws(SliceError) in
                try reader.readMembers { (_, value) throws(SliceError) in _ = try value.takeValue() }
            }
        }
    }
}
