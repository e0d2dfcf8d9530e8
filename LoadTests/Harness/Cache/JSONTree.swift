import Discord
import NIOCore

/// A JSON value to be compared: members have no order; strings and numbers are equal when they are written alike.
indirect enum JSONTree: Sendable, Hashable {
    case object([String: JSONTree])
    case array([JSONTree])
    /// Anything else, as written.
    case scalar(String)

    init(_ bytes: ByteBuffer) throws(SliceError) {
        self = try bytes.readableBytesView.sliced { (slice) throws(SliceError) in try JSONTree(slice) }
    }

    init(_ slice: JSONSlice) throws(SliceError) {
        if slice.isObject {
            var members: [String: JSONTree] = [:]
            try slice.forEachMember { (key, value) throws(SliceError) in
                members[slice.name(key)] = try JSONTree(value)
            }
            self = .object(members)
        } else if slice.isArray {
            var elements: [JSONTree] = []
            try slice.forEachElement { (element) throws(SliceError) in elements.append(try JSONTree(element)) }
            self = .array(elements)
        } else {
            self = .scalar(String(decoding: slice.raw, as: UTF8.self))
        }
    }

    subscript(key: String) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        return members[key]
    }

    /// A number, also one in a string.
    var id: UInt64? {
        guard case .scalar(let text) = self else { return nil }
        return UInt64(text.filter { $0 != "\"" })
    }

    var elements: [JSONTree] {
        guard case .array(let elements) = self else { return [] }
        return elements
    }

    /// The same without these members.
    func without(_ names: Set<String>) -> JSONTree {
        guard case .object(let members) = self else { return self }
        return .object(members.filter { !names.contains($0.key) })
    }

    /// The same with another value for a member that is there or not.
    func with(_ name: String, _ value: JSONTree?) -> JSONTree {
        guard case .object(var members) = self else { return self }
        members[name] = value
        return .object(members)
    }
}

extension JSONSlice {
    /// A key as written, without its quotes.
    func name(_ key: Key) -> String {
        String(decoding: self.bytes[(key.range.lowerBound + 1)..<(key.range.upperBound - 1)], as: UTF8.self)
    }
}

extension ByteBufferView {
    /// Calls `body` with the one JSON value that the bytes hold.
    func sliced<Result>(_ body: (JSONSlice) throws(SliceError) -> Result) throws(SliceError) -> Result {
        // What `withUnsafeBytes` rethrows has lost its type.
        let outcome = self.withUnsafeBytes { bytes -> Swift.Result<Result, SliceError> in
            do throws(SliceError) {
                return .success(try body(try JSONSlice(bytes)))
            } catch {
                return .failure(error)
            }
        }
        return try outcome.get()
    }
}
