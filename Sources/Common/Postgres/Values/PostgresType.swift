/// A type of PostgreSQL by its object id, as in `pg_type.dat`.
package struct PostgresType: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let bool = PostgresType(rawValue: 16)
    package static let bytea = PostgresType(rawValue: 17)
    package static let char = PostgresType(rawValue: 18)
    package static let name = PostgresType(rawValue: 19)
    package static let int8 = PostgresType(rawValue: 20)
    package static let int2 = PostgresType(rawValue: 21)
    package static let int4 = PostgresType(rawValue: 23)
    package static let text = PostgresType(rawValue: 25)
    package static let oid = PostgresType(rawValue: 26)
    package static let json = PostgresType(rawValue: 114)
    package static let xml = PostgresType(rawValue: 142)
    package static let float4 = PostgresType(rawValue: 700)
    package static let float8 = PostgresType(rawValue: 701)
    package static let unknown = PostgresType(rawValue: 705)
    package static let boolArray = PostgresType(rawValue: 1000)
    package static let int2Array = PostgresType(rawValue: 1005)
    package static let int4Array = PostgresType(rawValue: 1007)
    package static let textArray = PostgresType(rawValue: 1009)
    package static let varcharArray = PostgresType(rawValue: 1015)
    package static let int8Array = PostgresType(rawValue: 1016)
    package static let bpchar = PostgresType(rawValue: 1042)
    package static let varchar = PostgresType(rawValue: 1043)
    package static let date = PostgresType(rawValue: 1082)
    package static let timestamp = PostgresType(rawValue: 1114)
    package static let timestamptz = PostgresType(rawValue: 1184)
    package static let numeric = PostgresType(rawValue: 1700)
    package static let void = PostgresType(rawValue: 2278)
    package static let uuid = PostgresType(rawValue: 2950)
    package static let uuidArray = PostgresType(rawValue: 2951)
    package static let jsonb = PostgresType(rawValue: 3802)

    /// Types that `create type` or an extension made have ids from here on.
    private static let firstUserDefined: UInt32 = 16384

    var isUserDefined: Bool { self.rawValue >= Self.firstUserDefined }

    var isArray: Bool {
        switch self {
        case .boolArray, .int2Array, .int4Array, .int8Array, .textArray, .varcharArray, .uuidArray: true
        default: self.isUserDefined
        }
    }

    /// Its binary form is its text.
    var isTextual: Bool {
        switch self {
        case .text, .varchar, .bpchar, .name, .char, .unknown, .json, .xml: true
        default: self.isUserDefined
        }
    }
}

extension PostgresType: CustomStringConvertible {
    package var description: String { Self.names[self] ?? "type with oid \(self.rawValue)" }

    private static let names: [PostgresType: String] = [
        .bool: "bool", .bytea: "bytea", .char: "char", .name: "name", .int8: "int8", .int2: "int2", .int4: "int4",
        .text: "text", .oid: "oid", .json: "json", .xml: "xml", .float4: "float4", .float8: "float8",
        .unknown: "unknown", .textArray: "text[]", .varcharArray: "varchar[]", .int8Array: "int8[]", .bpchar: "char(n)",
        .varchar: "varchar", .date: "date", .timestamp: "timestamp", .timestamptz: "timestamptz", .numeric: "numeric",
        .void: "void", .uuid: "uuid", .jsonb: "jsonb", .boolArray: "bool[]", .int2Array: "int2[]", .int4Array: "int4[]",
        .uuidArray: "uuid[]",
    ]
}
