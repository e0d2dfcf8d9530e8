import Discord
import Foundation
import Testing

@Suite("Snowflakes and shards")
struct SnowflakeTests {
    @Test func `An id tells its time and a time its first id`() {
        // Discord docs, Reference, Snowflakes: the sample id.
        let id = Snowflake(rawValue: 175_928_847_299_117_063)
        #expect(id.milliseconds == 1_462_015_105_796)
        #expect(Snowflake(milliseconds: 1_462_015_105_796).rawValue == (175_928_847_299_117_063 >> 22) << 22)
        #expect(Snowflake(milliseconds: 0).rawValue == 0)
        #expect(Snowflake(milliseconds: .min).rawValue == 0)
        #expect(Snowflake(rawValue: .max).milliseconds > 0)
    }

    @Test(
        arguments: [
            ("0", 0), ("18446744073709551615", .max), ("18446744073709551616", nil), ("", nil), ("-1", nil),
            ("+1", nil),
            (" 1", nil), ("1x", nil), ("000000000000000000001", nil),
        ] as [(String, UInt64?)])
    func `Text is parsed strictly`(text: String, expected: UInt64?) {
        #expect(Snowflake(text)?.rawValue == expected)
    }

    @Test func `JSON takes strings and integers and gives strings`() throws {
        let ids: [Snowflake] = try JSONDecoder().decode(
            [Snowflake].self, from: Data(#"["81384788765712384",5,18446744073709551615]"#.utf8))
        #expect(ids == [81_384_788_765_712_384, 5, Snowflake(rawValue: .max)])
        #expect(
            String(decoding: try JSONEncoder().encode(Array(ids[..<2])), as: UTF8.self) == #"["81384788765712384","5"]"#
        )
        for bad in [#"["x"]"#, "[-1]", "[null]", "[1.5]"] {
            #expect(throws: DecodingError.self) { try JSONDecoder().decode([Snowflake].self, from: Data(bad.utf8)) }
        }
        let keyed = try JSONDecoder().decode([Snowflake: Int].self, from: Data(#"{"12":1}"#.utf8))
        #expect(keyed == [12: 1])
    }

    @Test func `A guild belongs to one shard`() {
        #expect(ShardID.shard(for: 8_388_608, count: 2) == 0)
        #expect(ShardID.shard(for: Snowflake(rawValue: 3 << 22), count: 2) == 1)
        #expect(ShardID.shard(for: Snowflake(rawValue: .max), count: 0) == 0)
        let second = ShardID(id: 1, count: 2)
        #expect(second?.receives(guild: Snowflake(rawValue: 3 << 22)) == true)
        #expect(second?.receives(guild: nil) == false)
        #expect(ShardID(id: 0, count: 2)?.receives(guild: nil) == true)
    }

    @Test func `A shard is an id below its count`() throws {
        #expect(ShardID(id: 2, count: 2) == nil)
        #expect(ShardID(id: -1, count: 2) == nil)
        #expect(try JSONDecoder().decode(ShardID.self, from: Data("[1,2]".utf8)) == ShardID(id: 1, count: 2))
        for bad in ["[2,2]", "[0]", "[0,1,2]", "[-1,1]", "{}"] {
            #expect(throws: DecodingError.self) { try JSONDecoder().decode(ShardID.self, from: Data(bad.utf8)) }
        }
    }
}
