/// What the cache can say. It never guesses: what may be out of date is told as such.
package enum CacheAnswer<Value: Sendable>: Sendable {
    case known(Value)
    /// There is none: everything of its kind is kept, and it is not among it.
    case absent
    /// As it was last seen; events may have been missed since.
    case unsure(Value?)
    /// The guild is not in the cache, or not all of this kind is kept.
    case unknown

    /// As it was last seen, whether or not that can be relied on.
    package var value: Value? {
        switch self {
        case .known(let value): value
        case .unsure(let value): value
        case .absent, .unknown: nil
        }
    }

    package func map<Other>(_ transform: (Value) throws -> Other) rethrows -> CacheAnswer<Other> {
        switch self {
        case .known(let value): .known(try transform(value))
        case .absent: .absent
        case .unsure(let value): .unsure(try value.map(transform))
        case .unknown: .unknown
        }
    }
}

extension CacheAnswer: Equatable where Value: Equatable {}
