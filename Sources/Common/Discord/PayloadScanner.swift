/// The one pass over a gateway payload behind ``FrameSlice/slice(_:)``.
struct PayloadScanner {
    private var cursor: JSONCursor
    private var opcode: Int?
    private var sequence: Int64?
    private var name: Range<Int>?
    private var carriesGuildAsBody = false
    private var data: Range<Int>?
    private var guildID: UInt64?
    private var ownID: UInt64?
    private var channelID: UInt64?

    static func slice(_ bytes: UnsafeRawBufferPointer) throws(SliceError) -> FrameSlice {
        guard let cursor = JSONCursor(bytes) else { throw SliceError(code: .truncated, offset: 0) }
        var scanner = PayloadScanner(cursor: cursor)
        return try scanner.scan()
    }

    private init(cursor: JSONCursor) { self.cursor = cursor }

    private mutating func scan() throws(SliceError) -> FrameSlice {
        self.cursor.skipWhiteSpace()
        try self.cursor.expect(UInt8(ascii: "{"))
        self.cursor.skipWhiteSpace()
        if try self.cursor.peek() == UInt8(ascii: "}") {
            self.cursor.offset += 1
        } else {
            repeat { try self.scanMember() } while try self.continuesObject()
        }
        self.cursor.skipWhiteSpace()
        guard self.cursor.offset == self.cursor.count else { throw self.cursor.error(.trailingBytes) }
        guard let opcode else { throw self.cursor.error(.missingOpcode) }
        return FrameSlice(
            op: opcode,
            sequence: self.sequence,
            name: self.name,
            guildID: self.carriesGuildAsBody ? self.ownID : self.guildID,
            channelID: self.channelID,
            data: self.data
        )
    }

    /// After a member: whether another one follows; else the closing brace is taken.
    @inline(__always)
    private mutating func continuesObject() throws(SliceError) -> Bool {
        self.cursor.skipWhiteSpace()
        let byte = try self.cursor.peek()
        guard byte == UInt8(ascii: ",") || byte == UInt8(ascii: "}") else { throw self.cursor.error(.unexpectedByte) }
        self.cursor.offset += 1
        return byte == UInt8(ascii: ",")
    }

    /// A key's contents; its colon and the white space behind are taken as well.
    @inline(__always)
    private mutating func takeKey() throws(SliceError) -> (contents: Range<Int>, isEscaped: Bool) {
        self.cursor.skipWhiteSpace()
        let start = self.cursor.offset + 1
        let isEscaped = try self.cursor.skipString()
        let contents = start..<(self.cursor.offset - 1)
        self.cursor.skipWhiteSpace()
        try self.cursor.expect(UInt8(ascii: ":"))
        self.cursor.skipWhiteSpace()
        return (contents, isEscaped)
    }

    // MARK: The payload's own members

    private enum Member { case opcode, sequence, name, data, other }

    private mutating func scanMember() throws(SliceError) {
        let (key, isEscaped) = try self.takeKey()
        switch Self.member(key, isEscaped: isEscaped, at: self.cursor) {
        case .opcode: try self.scanOpcode()
        case .sequence: try self.scanSequence()
        case .name: try self.scanName()
        case .data: try self.scanData()
        case .other: try self.cursor.skipValue(within: 1)
        }
    }

    // Static: a method that doesn't change the scanner would get a copy of all of it.
    @inline(__always)
    private static func member(_ key: Range<Int>, isEscaped: Bool, at cursor: JSONCursor) -> Member {
        if isEscaped {
            if cursor.contents(key, spell: "op") { return .opcode }
            if cursor.contents(key, spell: "s") { return .sequence }
            if cursor.contents(key, spell: "t") { return .name }
            return cursor.contents(key, spell: "d") ? .data : .other
        }
        switch key.count {
        case 1:
            switch cursor.byte(at: key.lowerBound) {
            case UInt8(ascii: "s"): return .sequence
            case UInt8(ascii: "t"): return .name
            case UInt8(ascii: "d"): return .data
            default: return .other
            }
        case 2: return cursor.contents(key, are: "op") ? .opcode : .other
        default: return .other
        }
    }

    private mutating func scanOpcode() throws(SliceError) {
        let start = self.cursor.offset
        guard let value = try self.takeUnsignedInteger(), let opcode = Int(exactly: value) else {
            throw SliceError(code: .invalidOpcode, offset: start)
        }
        self.opcode = opcode
    }

    private mutating func scanSequence() throws(SliceError) {
        let start = self.cursor.offset
        if try self.cursor.peek() == UInt8(ascii: "n") {
            try self.cursor.skipValue(within: 1)
            self.sequence = nil
            return
        }
        guard let value = try self.takeUnsignedInteger(), let sequence = Int64(exactly: value) else {
            throw SliceError(code: .invalidSequence, offset: start)
        }
        self.sequence = sequence
    }

    private mutating func scanName() throws(SliceError) {
        let start = self.cursor.offset
        switch try self.cursor.peek() {
        case UInt8(ascii: "n"):
            try self.cursor.skipValue(within: 1)
            self.name = nil
            self.carriesGuildAsBody = false
        case JSONCursor.quote:
            let isEscaped = try self.cursor.skipString()
            let name = (start + 1)..<(self.cursor.offset - 1)
            self.name = name
            self.carriesGuildAsBody =
                (name.count == 12 || isEscaped)
                && (self.cursor.contents(name, spell: "GUILD_CREATE")
                    || self.cursor.contents(name, spell: "GUILD_UPDATE")
                    || self.cursor.contents(name, spell: "GUILD_DELETE"))
        default:
            throw SliceError(code: .invalidName, offset: start)
        }
    }

    // MARK: The members of `d`

    private mutating func scanData() throws(SliceError) {
        let start = self.cursor.offset
        // Of two `d` the last one counts, with nothing left of the first.
        (self.guildID, self.ownID, self.channelID) = (nil, nil, nil)
        if try self.cursor.peek() == UInt8(ascii: "{") {
            self.cursor.offset += 1
            self.cursor.skipWhiteSpace()
            if try self.cursor.peek() == UInt8(ascii: "}") {
                self.cursor.offset += 1
            } else {
                repeat { try self.scanDataMember() } while try self.continuesObject()
            }
        } else {
            try self.cursor.skipValue(within: 1)
        }
        self.data = start..<self.cursor.offset
    }

    private enum DataMember { case id, guildID, channelID, other }

    @inline(__always)
    private mutating func scanDataMember() throws(SliceError) {
        let (key, isEscaped) = try self.takeKey()
        switch Self.dataMember(key, isEscaped: isEscaped, at: self.cursor) {
        case .other: try self.cursor.skipValue(within: 2)
        case .id: self.ownID = try self.takeID()
        case .guildID: self.guildID = try self.takeID()
        case .channelID: self.channelID = try self.takeID()
        }
    }

    @inline(__always)
    private static func dataMember(_ key: Range<Int>, isEscaped: Bool, at cursor: JSONCursor) -> DataMember {
        if isEscaped {
            if cursor.contents(key, spell: "id") { return .id }
            if cursor.contents(key, spell: "guild_id") { return .guildID }
            return cursor.contents(key, spell: "channel_id") ? .channelID : .other
        }
        switch key.count {
        case 2: return cursor.contents(key, are: "id") ? .id : .other
        case 8: return cursor.contents(key, are: "guild_id") ? .guildID : .other
        case 10: return cursor.contents(key, are: "channel_id") ? .channelID : .other
        default: return .other
        }
    }

    /// Skips a value and reads it as an id when it is one.
    private mutating func takeID() throws(SliceError) -> UInt64? {
        switch try self.cursor.peek() {
        case JSONCursor.quote:
            let start = self.cursor.offset + 1
            let isEscaped = try self.cursor.skipString()
            return self.cursor.decimal(start..<(self.cursor.offset - 1), isEscaped: isEscaped)
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
            return try self.takeUnsignedInteger()
        default:
            try self.cursor.skipValue(within: 2)
            return nil
        }
    }

    /// Skips a number; `nil` when it is negative, fractional or needs more than 64 bits. Other values are `nil`,
    /// unskipped.
    private mutating func takeUnsignedInteger() throws(SliceError) -> UInt64? {
        let start = self.cursor.offset
        let first = try self.cursor.peek()
        guard first &- 0x30 < 10 || first == UInt8(ascii: "-") else { return nil }
        guard try self.cursor.skipNumber() else { return nil }
        return self.cursor.decimal(start..<self.cursor.offset, isEscaped: false)
    }
}
