import Foundation
import Testing

@testable import Postgres

@Suite("Binary codec")
struct CodecTests {
    private func roundTrip<Value: PostgresEncodable & PostgresDecodable & Equatable>(_ value: Value) throws -> Value {
        var bytes: [UInt8] = [0xFF]
        #expect(value.encode(into: &bytes) == .value)
        return try Value(postgres: bytes.dropFirst(), type: Value.postgresType)
    }

    @Test func `Numbers survive`() throws {
        for value in [Int64.min, -1, 0, 1, .max] { #expect(try self.roundTrip(value) == value) }
        for value in [Int32.min, -1, 0, .max] { #expect(try self.roundTrip(value) == value) }
        for value in [Int16.min, -1, 0, .max] { #expect(try self.roundTrip(value) == value) }
        for value in [UInt64.min, 1 << 63, .max] { #expect(try self.roundTrip(value) == value) }
        for value in [0, -0.0, 1.5, .infinity, .leastNonzeroMagnitude] { #expect(try self.roundTrip(value) == value) }
        #expect(try self.roundTrip(Double.nan.bitPattern) == Double.nan.bitPattern)
        for value in [true, false] { #expect(try self.roundTrip(value) == value) }
    }

    @Test func `Text, bytes, identifiers and dates survive`() throws {
        for value in ["", "a", "Grüße 🛳️"] { #expect(try self.roundTrip(value) == value) }
        for value in [[], [0, 255, 7]] as [[UInt8]] { #expect(try self.roundTrip(value) == value) }
        let uuid = UUID()
        #expect(try self.roundTrip(uuid) == uuid)
        let json = PostgresJSON(text: #"{"a": [1, null]}"#)
        #expect(try self.roundTrip(json) == json)
        let date = Date(timeIntervalSince1970: 1_755_000_000.123456)
        #expect(abs(try self.roundTrip(date).timeIntervalSince(date)) < 0.000_001)
    }

    @Test func `Arrays survive`() throws {
        for value in [[], [1, -2, .max]] as [[Int64]] { #expect(try self.roundTrip(value) == value) }
        for value in [[], ["", "a", "ü,\"{}"]] as [[String]] { #expect(try self.roundTrip(value) == value) }
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, 1e300, 9.3e12, -2.2e11])
    func `A date out of range is refused, not trapped`(seconds: Double) {
        var bytes: [UInt8] = []
        let encoding = Date(timeIntervalSinceReferenceDate: seconds).encode(into: &bytes)
        #expect(encoding == .invalid(reason: "the date is outside of what timestamptz holds"))
    }

    @Test(arguments: [Int64.min, .max, 9_223_371_331_200_000_000])
    func `An infinite timestamp is no date`(microseconds: Int64) {
        var bytes: [UInt8] = []
        BinaryCodec.append(microseconds, to: &bytes)
        #expect(throws: PostgresValueProblem.malformed("it is infinite or out of range")) {
            try Date(postgres: bytes[...], type: .timestamptz)
        }
    }

    /// `count`, weight, sign, scale, digits.
    @Test(
        arguments: [
            ([1, 0, 0, 0, 5], "5"), ([2, 1, 0, 0, 1, 2], "10002"), ([1, 1, 0, 0, 3], "30000"), ([0, 0, 0, 0], "0"),
            ([0, 0, 0, 2], "0.00"), ([2, 0, 0x4000, 3, 12, 5000], "-12.500"), ([1, -1, 0, 4, 7], "0.0007"),
            ([1, -2, 0, 8, 7], "0.00000007"), ([0, 0, -16384, 0], "NaN"), ([0, 0, -12288, 0], "Infinity"),
            ([0, 0, -4096, 0], "-Infinity"),
        ] as [([Int16], String)])
    func `Numeric is read as text`(fields: [Int16], text: String) throws {
        var bytes: [UInt8] = []
        for field in fields { BinaryCodec.append(field, to: &bytes) }
        #expect(try String(postgres: bytes[...], type: .numeric) == text)
    }

    @Test func `A whole numeric is an integer, another is not`() throws {
        let sum: [UInt8] = [0, 2, 0, 1, 0, 0, 0, 2, 0, 1, 0, 2]
        #expect(try Int(postgres: sum[...], type: .numeric) == 10002)
        let half: [UInt8] = [0, 2, 0, 0, 0, 0, 0, 1, 0, 1, 0x13, 0x88]
        #expect(try Double(postgres: half[...], type: .numeric) == 1.5)
        #expect(throws: PostgresValueProblem.self) { try Int(postgres: half[...], type: .numeric) }
    }

    @Test func `Narrow integers refuse wide values`() {
        var bytes: [UInt8] = []
        BinaryCodec.append(Int64(40_000), to: &bytes)
        #expect(throws: PostgresValueProblem.malformed("it does not fit into 16 bits")) {
            try Int16(postgres: bytes[...], type: .int8)
        }
    }

    /// Every type reads every length of every pattern as every column type: an error or a value, never a trap.
    @Test func `Hostile bytes never trap`() {
        let types: [PostgresType] = [
            .bool, .bytea, .int2, .int4, .int8, .oid, .float4, .float8, .text, .json, .jsonb, .uuid, .timestamptz,
            .numeric,
            .int8Array, .textArray, .uuidArray, PostgresType(rawValue: 70_000), .void,
        ]
        var generator = SystemRandomNumberGenerator()
        for type in types {
            for length in 0..<40 {
                for pattern in [0x00, 0x01, 0x7F, 0x80, 0xFF] as [UInt8] {
                    self.readAsEverything([UInt8](repeating: pattern, count: length), type)
                }
                let random = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
                self.readAsEverything(random, type)
            }
        }
    }

    private func readAsEverything(_ bytes: [UInt8], _ type: PostgresType) {
        func read(_ value: (some PostgresDecodable).Type) {
            // A value or an error: both are fine here.
            _ = try? value.init(postgres: bytes[...], type: type)
        }
        read(Bool.self)
        read(Int16.self)
        read(Int32.self)
        read(Int64.self)
        read(UInt64.self)
        read(Double.self)
        read(String.self)
        read(PostgresJSON.self)
        read([UInt8].self)
        read(UUID.self)
        read(Date.self)
        read([Int64].self)
        read([String].self)
        read([UUID].self)
        read(Int?.self)
    }

    @Test func `Arrays that lie about their length are refused`() {
        var bytes: [UInt8] = []
        for field in [1, 0, 20, Int32.max, 1] { BinaryCodec.append(field, to: &bytes) }
        #expect(throws: PostgresValueProblem.malformed("the array ends too early")) {
            try [Int64](postgres: bytes[...], type: .int8Array)
        }
    }
}

@Suite("Rows")
struct PostgresRowTests {
    private let row: PostgresRow = {
        let columns = PostgresColumns([
            PostgresColumns.Column(name: "id", type: .int8), PostgresColumns.Column(name: "name", type: .text),
            PostgresColumns.Column(name: "id", type: .bool),
        ])
        let cells = [
            PostgresResult.Storage.Cell(offset: 0, length: 8), PostgresResult.Storage.Cell(offset: 8, length: -1),
            PostgresResult.Storage.Cell(offset: 8, length: 1),
        ]
        let storage = PostgresResult.Storage(
            columns: columns, rowCount: 1, cells: cells, bytes: [0, 0, 0, 0, 0, 0, 0, 5, 1]
        )
        return PostgresRow(storage: storage, index: 0)
    }()

    @Test func `Values are read by name and by place`() throws {
        #expect(try self.row.decode(Int.self, "id") == 5)
        #expect(try self.row.decode(Bool.self, at: 2))
        #expect(try self.row.decode(String?.self, "name") == nil)
    }

    private func message(_ read: () throws -> Void) -> String? {
        let error = #expect(throws: PostgresError.self) { try read() }
        #expect(error?.code == .decodingFailed)
        return error?.message
    }

    @Test func `Errors name the column, the type found and those expected`() {
        #expect(self.message { _ = try self.row.decode(UUID.self, "id") } == "column \"id\" is int8; expected uuid")
        #expect(
            self.message { _ = try self.row.decode(UUID.self, "name") }
                == "column \"name\" (text) is null; expected uuid"
        )
        #expect(
            self.message { _ = try self.row.decode(Int.self, "x") }
                == "no column \"x\" in the result, which has: id, name, id")
        for place in [-1, 3, Int.max, Int.min] {
            #expect(self.message { _ = try self.row.decode(Int.self, at: place) }?.contains("the result has 3") == true)
        }
    }
}
