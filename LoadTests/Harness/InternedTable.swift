/// Numbers for values that come again and again, from 0 in the order of their first coming.
package struct InternedTable<Value: Hashable & Sendable>: Sendable {
    package private(set) var values: [Value] = []
    private var indices: [Value: Int] = [:]

    package init() {}

    package mutating func index(of value: Value) -> Int {
        if let index = self.indices[value] { return index }
        self.indices[value] = self.values.count
        self.values.append(value)
        return self.values.count - 1
    }

    package func find(_ value: Value) -> Int? { self.indices[value] }
}
