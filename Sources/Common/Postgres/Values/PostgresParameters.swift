/// The values of one statement in binary format, in one buffer.
package struct PostgresParameters: Sendable, Equatable {
    package private(set) var types: [PostgresType] = []
    /// Everything after one another: value `n` ends at `ends[n]`.
    private(set) var bytes: [UInt8] = []
    private(set) var ends: [Int] = []
    private(set) var nulls: [Bool] = []
    /// Why a value can not be sent; the statement then fails before it is sent.
    private(set) var problem: String?

    package init() {}

    package var count: Int { self.types.count }

    package mutating func append<Value: PostgresEncodable>(_ value: Value) {
        let start = self.bytes.count
        let encoding = value.encode(into: &self.bytes)
        switch encoding {
        case .value: self.nulls.append(false)
        case .null: self.nulls.append(true)
        case .invalid(let reason):
            self.nulls.append(true)
            if self.problem == nil { self.problem = "parameter $\(self.count + 1): \(reason)" }
        }
        if encoding != .value { self.bytes.removeSubrange(start...) }
        self.types.append(Value.postgresType)
        self.ends.append(self.bytes.count)
    }

    mutating func append(copying index: Int, of other: PostgresParameters) {
        self.types.append(other.types[index])
        self.bytes.append(contentsOf: other.bytes[other.range(of: index)])
        self.ends.append(self.bytes.count)
        self.nulls.append(other.nulls[index])
        if self.problem == nil { self.problem = other.problem }
    }

    func range(of index: Int) -> Range<Int> { (index == 0 ? 0 : self.ends[index - 1])..<self.ends[index] }
}

/// What became of a value.
package enum PostgresEncoding: Sendable, Equatable {
    case value
    case null
    /// Never holds the value itself.
    case invalid(reason: String)
}

/// A value that can be a parameter.
package protocol PostgresEncodable: Sendable {
    static var postgresType: PostgresType { get }
    /// Appends the value's binary form.
    func encode(into bytes: inout [UInt8]) -> PostgresEncoding
}
