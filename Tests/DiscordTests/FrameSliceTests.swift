import Discord
import Foundation
import JSONReference
import Testing

@Suite("Frame slice", .timeLimit(.minutes(1)))
struct FrameSliceTests {
    static func slice(_ bytes: [UInt8]) throws(SliceError) -> FrameSlice {
        // Bytes of an exact size on the heap, so that a read past the end shows under a checker.
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: bytes)
        return try FrameSlice.slice(UnsafeRawBufferPointer(copy))
    }

    static func slice(_ text: String) throws(SliceError) -> FrameSlice { try self.slice(Array(text.utf8)) }

    static func part(_ range: Range<Int>?, of text: String) -> String? {
        range.map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) }
    }

    @Test func `A dispatch is found whole`() throws {
        let text =
            #"{"t":"MESSAGE_CREATE","s":42,"op":0,"d":{"id":"5","channel_id":"7","guild_id":"9","content":"a\"}b"}}"#
        let slice = try Self.slice(text)
        #expect(slice.op == 0)
        #expect(slice.sequence == 42)
        #expect(Self.part(slice.name, of: text) == "MESSAGE_CREATE")
        #expect(slice.guildID == 9)
        #expect(slice.channelID == 7)
        #expect(Self.part(slice.data, of: text) == #"{"id":"5","channel_id":"7","guild_id":"9","content":"a\"}b"}"#)
    }

    @Test(
        arguments: [
            // Key order, white space, escapes.
            (#"{"d":{"id":"8"},"t":"GUILD_CREATE","op":0}"#, 8),
            (#"{"d":{"id":"8","guild_id":"9"},"t":"GUILD_DELETE","op":0}"#, 8),
            (#"{"t":"GUILD_\u0055PDATE","op":0,"d":{"id":"8"}}"#, 8),
            (#"{"t":"GUILD_ROLE_X","op":0,"d":{"id":"8"}}"#, nil),
            ("\n { \"op\" : 0 ,\r\n\t\"d\" : { \"guild_id\" : \"9\" } } ", 9),
            (#"{"op":0,"d":{"guild\u005fid":"9"}}"#, 9),
            (#"{"op":0,"\u0064":{"guild_id":"1\u0032"}}"#, 12),
            // Only the first level of `d` counts.
            (#"{"op":0,"d":{"message_reference":{"guild_id":"1"},"guild_id":"9"}}"#, 9),
            (#"{"op":0,"d":{"guild_id":"9","message_reference":{"guild_id":"1"}}}"#, 9),
            (#"{"op":0,"d":{"x":[{"guild_id":"1"}]}}"#, nil),
            (#"{"op":0,"guild_id":"1","d":{"content":"\"guild_id\":\"1\""}}"#, nil),
            (#"{"op":0,"d":["guild_id","1"]}"#, nil),
            // Duplicates: the last one counts.
            (#"{"op":0,"d":{"guild_id":"1","guild_id":"9"}}"#, 9),
            (#"{"op":0,"d":{"guild_id":"1","guild_id":null}}"#, nil),
            (#"{"op":0,"d":{"guild_id":"1"},"d":{}}"#, nil),
            (#"{"op":0,"t":"GUILD_CREATE","t":"X","d":{"id":"1","guild_id":"2"}}"#, 2),
            // Numbers.
            (#"{"op":0,"d":{"guild_id":9}}"#, 9),
            (#"{"op":0,"d":{"guild_id":18446744073709551615}}"#, UInt64.max),
            (#"{"op":0,"d":{"guild_id":"18446744073709551616"}}"#, nil),
            (#"{"op":0,"d":{"guild_id":-9}}"#, nil),
            (#"{"op":0,"d":{"guild_id":9.0}}"#, nil),
            (#"{"op":0,"d":{"guild_id":"9 "}}"#, nil),
            (#"{"op":0,"d":{"guild_id":""}}"#, nil),
            // Lone surrogates and long strings around it.
            (#"{"op":0,"d":{"content":"\ud800 \udfff","guild_id":"9"}}"#, 9),
            (#"{"op":0,"d":{"content":"0123456789012345678901234567890\"23456789","guild_id":"9"}}"#, 9),
        ] as [(String, UInt64?)])
    func `The guild id is the event's own`(text: String, expected: UInt64?) throws {
        #expect(try Self.slice(text).guildID == expected)
    }

    @Test func `Absent and null parts are nil, null data has bounds`() throws {
        let text = #"{"op":11,"d":null,"s":null,"t":null}"#
        let slice = try Self.slice(text)
        #expect(slice.sequence == nil && slice.name == nil)
        #expect(Self.part(slice.data, of: text) == "null")
        let bare = try Self.slice(#"{"op":11}"#)
        #expect(bare.op == 11 && bare.data == nil && bare.guildID == nil && bare.channelID == nil)
    }

    @Test(
        arguments: [
            ("", .truncated, 0),
            ("  ", .truncated, 2),
            ("[]", .unexpectedByte, 0),
            ("nul", .unexpectedByte, 0),
            ("{", .truncated, 1),
            (#"{"op":0"#, .truncated, 7),
            (#"{"op":0}x"#, .trailingBytes, 8),
            (#"{"op":0}{"op":1}"#, .trailingBytes, 8),
            (#"{"op":0,}"#, .unexpectedByte, 8),
            (#"{"op":0 "d":1}"#, .unexpectedByte, 8),
            (#"{"op":0,"d":{]}"#, .unexpectedByte, 13),
            (#"{"op":0,"d":[1}}"#, .unexpectedByte, 14),
            (#"{"op":0,"d":[1,]}"#, .unexpectedByte, 15),
            (#"{"op":0,"d":{"x":{"y":1,}}}"#, .unexpectedByte, 24),
            (#"{"op":0,"d":tru}"#, .unexpectedByte, 15),
            (#"{"op":0,"d":01}"#, .unexpectedByte, 13),
            (#"{"op":0,"d":1.}"#, .invalidNumber, 14),
            (#"{"op":0,"d":-}"#, .invalidNumber, 13),
            (#"{"op":0,"d":+1}"#, .unexpectedByte, 12),
            (#"{"op":0,"d":"\x"}"#, .invalidEscape, 14),
            (#"{"op":0,"d":"\u00g0"}"#, .invalidEscape, 17),
            ("{\"op\":0,\"d\":\"a\nb\"}", .controlCharacter, 14),
            (#"{"d":1}"#, .missingOpcode, 7),
            ("{}", .missingOpcode, 2),
            (#"{"op":"0"}"#, .invalidOpcode, 6),
            (#"{"op":0.5}"#, .invalidOpcode, 6),
            (#"{"op":-1}"#, .invalidOpcode, 6),
            (#"{"op":99999999999999999999}"#, .invalidOpcode, 6),
            (#"{"op":0,"s":1.5}"#, .invalidSequence, 12),
            (#"{"op":0,"s":9223372036854775808}"#, .invalidSequence, 12),
            (#"{"op":0,"s":"1"}"#, .invalidSequence, 12),
            (#"{"op":0,"t":5}"#, .invalidName, 12),
        ] as [(String, SliceError.Code, Int)])
    func `Malformed payloads are refused by name and place`(text: String, code: SliceError.Code, offset: Int) {
        #expect(throws: SliceError.self) { try Self.slice(text) }
        do throws(SliceError) {
            _ = try Self.slice(text)
        } catch {
            #expect(error.code == code)
            #expect(error.offset == offset)
        }
    }

    @Test func `Depth is bounded, not the stack`() throws {
        let open = { (count: Int) in String(repeating: "[", count: count) + String(repeating: "]", count: count) }
        let deepest = FrameSlice.maximumDepth - 1
        #expect(try Self.slice("{\"op\":0,\"d\":\(open(deepest))}").op == 0)
        #expect(throws: SliceError.self) { try Self.slice("{\"op\":0,\"d\":\(open(deepest + 1))}") }
        #expect(throws: SliceError.self) {
            try Self.slice("{\"op\":0,\"d\":\(String(repeating: "[", count: 1_000_000))")
        }
        #expect(throws: SliceError.self) {
            try Self.slice("{\"op\":0,\"d\":\(String(repeating: "{\"a\":", count: 100_000))")
        }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `Generated payloads are sliced as a full parser reads them`(seed: UInt64) {
        var generator = PayloadGenerator(seed: seed)
        for _ in 0..<150 {
            let text = generator.payload()
            Self.compare(Array(text.utf8))
        }
    }

    @Test(arguments: 100..<120 as Range<UInt64>)
    func `Mutated payloads are refused or sliced as a full parser does`(seed: UInt64) {
        var generator = PayloadGenerator(seed: seed)
        for _ in 0..<40 {
            let original = Array(generator.payload().utf8)
            for _ in 0..<8 {
                var bytes = original
                for _ in 0...generator.below(3) where !bytes.isEmpty {
                    let at = generator.below(bytes.count)
                    switch generator.below(5) {
                    case 0: bytes[at] = UInt8(generator.below(256))
                    case 1: bytes.remove(at: at)
                    case 2: bytes.insert(generator.pick(Array("{}[]\",:\\u0e-. ntf".utf8)), at: at)
                    case 3: bytes.removeSubrange(at...)
                    default: bytes.replaceSubrange(at..<at, with: bytes[generator.below(at + 1)...at])
                    }
                }
                Self.compare(bytes)
            }
        }
    }

    @Test func `Every cut of a payload is refused`() {
        var generator = PayloadGenerator(seed: 7)
        for _ in 0..<20 {
            let text = generator.payload()
            let bytes = Array(text.utf8)
            let end = (bytes.lastIndex(of: UInt8(ascii: "}")) ?? 0)
            for length in 0..<end {
                #expect(throws: SliceError.self) { try Self.slice(Array(bytes[..<length])) }
            }
        }
    }

    @Test func `Foundation reads the same ids from well-formed payloads`() throws {
        var generator = PayloadGenerator(seed: 99)
        var compared = 0
        for _ in 0..<1_500 {
            let text = generator.payload()
            // Foundation refuses lone surrogates, which the slicer lets through: those payloads are left out.
            guard let object = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] else {
                continue
            }
            let data = object["d"] as? [String: Any]
            let isGuild = ["GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE"].contains(object["t"] as? String)
            guard let id = data?[isGuild ? "id" : "guild_id"] as? String else { continue }
            #expect(try Self.slice(text).guildID == Snowflake(id)?.rawValue)
            compared += 1
        }
        #expect(compared > 20)
    }

    /// Slices and parses, and expects the same outcome.
    static func compare(_ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) {
        let sliced = Result { () throws(SliceError) in try Self.slice(bytes) }
        let difference = ReferenceJSON.difference(from: sliced, of: bytes)
        #expect(difference == nil, sourceLocation: sourceLocation)
    }
}
