import Discord
import JSONReference

/// Gateway payloads, against a plain JSON parser. The whole input is the payload.
enum SlicerFuzzing {
    static func run(_ bytes: UnsafeRawBufferPointer) throws(FuzzFinding) {
        let sliced = Result { () throws(SliceError) in try FrameSlice.slice(bytes) }
        switch sliced {
        case .success(let slice):
            try self.compare(sliced, bytes)
            if let range = slice.data { try self.walk(UnsafeRawBufferPointer(rebasing: bytes[range])) }
        case .failure(let error):
            try expect(0...bytes.count ~= error.offset, "the error \(error) lies outside of the payload")
            try self.compare(sliced, bytes)
        }
        try self.walk(bytes)
    }

    private static func compare(
        _ sliced: Result<FrameSlice, SliceError>, _ bytes: UnsafeRawBufferPointer
    ) throws(FuzzFinding) {
        if let difference = ReferenceJSON.difference(from: sliced, of: Array(bytes)) {
            throw FuzzFinding(difference)
        }
    }

    /// The same bytes through the slice that later walks over `d`.
    private static func walk(_ bytes: UnsafeRawBufferPointer) throws(FuzzFinding) {
        _ = MembersChunkHead.read(bytes)
        let slice: JSONSlice
        do throws(SliceError) {
            slice = try JSONSlice(bytes)
        } catch {
            guard error.code != .tooDeep else { return }
            return try expect(ReferenceJSON.parse(Array(bytes)) == nil, "\(error), but JSON: \(Array(bytes))")
        }
        guard let value = ReferenceJSON.parse(Array(bytes)) else { throw FuzzFinding("no JSON: \(Array(bytes))") }
        let isSame: Bool
        do throws(SliceError) {
            isSame = try self.isSame(slice, value)
        } catch {
            throw FuzzFinding("a value that was checked is refused with \(error): \(Array(bytes))")
        }
        try expect(isSame, "another value: \(Array(bytes))")
    }

    private static func isSame(_ slice: JSONSlice, _ value: ReferenceJSON) throws(SliceError) -> Bool {
        switch value {
        case .null: return slice.isNull
        case .bool(let bool): return slice.isTrue == bool
        case .number, .string: return !slice.isObject && !slice.isArray
        case .array(let elements):
            var index = 0
            var isSame = slice.isArray
            try slice.forEachElement { (element) throws(SliceError) in
                if isSame, index < elements.count { isSame = try self.isSame(element, elements[index]) }
                index += 1
            }
            return isSame && index == elements.count
        case .object(let members):
            var index = 0
            var isSame = slice.isObject
            try slice.forEachMember { (key, element) throws(SliceError) in
                if isSame, index < members.count {
                    let member = members[index]
                    isSame =
                        try self.isSame(element, member.value) && element.range == member.range
                        && key.is("guild_id") == (member.key == "guild_id".utf8.map(UInt32.init))
                }
                index += 1
            }
            return isSame && index == members.count
        }
    }
}
