import Discord

extension LeaseRenewal {
    /// What `JSONDecoder` makes of the bytes, for less: a large fleet renews hundreds of times a second.
    ///
    /// nil: not what members usually send, or not a renewal. `JSONDecoder` reads it then, or tells what is wrong.
    package init?(slicing bytes: UnsafeRawBufferPointer) {
        var fields = Fields()
        guard let renewal = try? Self.read(bytes, &fields), fields.areUsual else { return nil }
        self = renewal
    }

    private static func read(_ bytes: UnsafeRawBufferPointer, _ fields: inout Fields) throws(SliceError) -> Self {
        var json = try JSONReader(bytes)
        let renewal = try self.read(&json, &fields)
        try json.expectEnd()
        return renewal
    }

    private static func read(_ json: inout JSONReader, _ fields: inout Fields) throws(SliceError) -> Self {
        var incarnation: Int?
        var version: Int?
        var wait: Int?
        var slots: [ObservedSlot]?
        var lanes: [Int]?
        var draining: Bool?
        var number: Int?
        try json.readMembers { (key, value) throws(SliceError) in
            if key.is("slots") {
                slots = []
                try value.readElements { (element) throws(SliceError) in
                    if let slot = try ObservedSlot.read(&element, &fields) { slots?.append(slot) }
                }
            } else if key.is("incarnation") {
                incarnation = fields.int(try value.takeValue())
            } else if key.is("appliedVersion") {
                version = fields.int(try value.takeValue())
            } else if key.is("waitMilliseconds") {
                wait = fields.int(try value.takeValue())
            } else if key.is("lanes") {
                lanes = []
                try value.readElements { (element) throws(SliceError) in
                    lanes?.append(fields.int(try element.takeValue()))
                }
            } else if key.is("draining") {
                draining = fields.bool(try value.takeValue())
            } else if key.is("number") {
                number = try value.takeNull() ? nil : fields.int(try value.takeValue())
            } else {
                try fields.skipUnknown(&value)
            }
        }
        fields.areUsual = fields.areUsual && slots != nil && lanes != nil
        return Self(
            incarnation: fields.required(incarnation), appliedVersion: fields.required(version),
            waitMilliseconds: fields.required(wait), slots: slots ?? [], lanes: lanes ?? [],
            draining: fields.required(draining), number: number)
    }
}

extension ObservedSlot {
    fileprivate static func read(_ json: inout JSONReader, _ fields: inout Fields) throws(SliceError) -> Self? {
        var slot: Slot?
        var epoch: Int?
        var status: SlotStatus?
        var session: SessionState?
        var guilds: Int?
        var closeCode: Int?
        var unsettled: Int?
        var acknowledged: Int?
        var events: Double?
        var bytes: Double?
        var latency: Double?
        var reason: String?
        try json.readMembers { (key, value) throws(SliceError) in
            if key.is("slot") {
                slot = try Slot.read(&value, &fields)
            } else if key.is("epoch") {
                epoch = fields.int(try value.takeValue())
            } else if key.is("status") {
                status = SlotStatus(rawValue: fields.string(try value.takeValue()))
            } else if key.is("session") {
                session = try value.takeNull() ? nil : SessionState.read(&value, &fields)
            } else if key.is("guilds") {
                guilds = fields.int(try value.takeValue())
            } else if key.is("eventsPerSecond") {
                events = fields.double(try value.takeValue())
            } else if key.is("bytesPerSecond") {
                bytes = fields.double(try value.takeValue())
            } else if key.is("latencyMilliseconds") {
                latency = try value.takeNull() ? nil : fields.double(try value.takeValue())
            } else if key.is("reason") {
                reason = try value.takeNull() ? nil : fields.string(try value.takeValue())
            } else if key.is("unsettledMilliseconds") {
                unsettled = try value.takeNull() ? nil : fields.int(try value.takeValue())
            } else if key.is("acknowledgedMilliseconds") {
                acknowledged = try value.takeNull() ? nil : fields.int(try value.takeValue())
            } else if key.is("closeCode") {
                closeCode = try value.takeNull() ? nil : fields.int(try value.takeValue())
            } else {
                // Also lost sessions, which are rare.
                try fields.skipUnknown(&value)
            }
        }
        let code = closeCode.map { UInt16(exactly: $0) }
        if case .some(nil) = code { fields.areUsual = false }
        guard let slot, let epoch, let status, let guilds, let events, let bytes else {
            fields.areUsual = false
            return nil
        }
        return Self(
            slot: slot, epoch: Int64(epoch), status: status, session: session, guilds: guilds, eventsPerSecond: events,
            bytesPerSecond: bytes, latencyMilliseconds: latency, reason: reason, closeCode: code ?? nil,
            unsettledMilliseconds: unsettled, acknowledgedMilliseconds: acknowledged)
    }
}

extension Slot {
    fileprivate static func read(_ json: inout JSONReader, _ fields: inout Fields) throws(SliceError) -> Self? {
        var application: UInt64?
        var generation: Int?
        var shard: Int?
        try json.readMembers { (key, value) throws(SliceError) in
            if key.is("application") {
                let id = try value.takeValue()
                application = id.isString ? id.id : nil
            } else if key.is("generation") {
                generation = fields.int(try value.takeValue())
            } else if key.is("shard") {
                shard = fields.int(try value.takeValue())
            } else {
                try fields.skipUnknown(&value)
            }
        }
        guard let application, let generation, let shard else {
            fields.areUsual = false
            return nil
        }
        return Self(application: Snowflake(rawValue: application), generation: generation, shard: shard)
    }
}

extension SessionState {
    fileprivate static func read(_ json: inout JSONReader, _ fields: inout Fields) throws(SliceError) -> Self? {
        var id: String?
        var url: String?
        var sequence: Int?
        var isBehind: Bool?
        try json.readMembers { (key, value) throws(SliceError) in
            if key.is("sessionID") {
                id = fields.string(try value.takeValue())
            } else if key.is("resumeURL") {
                url = fields.string(try value.takeValue())
            } else if key.is("sequence") {
                sequence = fields.int(try value.takeValue())
            } else if key.is("cacheIsBehind") {
                isBehind = try value.takeNull() ? nil : fields.bool(try value.takeValue())
            } else {
                try fields.skipUnknown(&value)
            }
        }
        guard let id, let url, let sequence else {
            fields.areUsual = false
            return nil
        }
        return Self(sessionID: id, resumeURL: url, sequence: Int64(sequence), cacheIsBehind: isBehind)
    }
}

/// Reads values as they are usually written, and tells when one is not: then what it gave for it means nothing.
private struct Fields {
    var areUsual = true

    mutating func skipUnknown(_ json: inout JSONReader) throws(SliceError) {
        self.areUsual = false
        _ = try json.takeValue()
    }

    mutating func required(_ value: Int?) -> Int {
        if value == nil { self.areUsual = false }
        return value ?? 0
    }

    mutating func required(_ value: Bool?) -> Bool {
        if value == nil { self.areUsual = false }
        return value ?? false
    }

    /// Without sign, fraction and exponent.
    mutating func int(_ json: JSONSlice) -> Int {
        self.required(json.isString ? nil : json.id.flatMap { Int(exactly: $0) })
    }

    /// Up to 15 digits are exact, and so is a power of ten up to 22: then one division rounds as it should.
    mutating func double(_ json: JSONSlice) -> Double {
        let bytes = json.raw
        guard bytes.count <= 16 else { return self.slowDouble(bytes) }
        var digits: UInt64 = 0
        var places: Int?
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                digits = digits * 10 + UInt64(byte - UInt8(ascii: "0"))
                places = places.map { $0 + 1 }
            case UInt8(ascii: "."): places = 0
            default: return self.slowDouble(bytes)
            }
        }
        guard digits < 1_000_000_000_000_000 else { return self.slowDouble(bytes) }
        return Double(digits) / Self.powers[places ?? 0]
    }

    private static let powers: [Double] = (0...16).map { exponent in (0..<exponent).reduce(1) { power, _ in power * 10 }
    }

    private mutating func slowDouble(_ bytes: UnsafeRawBufferPointer) -> Double {
        guard let first = bytes.first, first == UInt8(ascii: "-") || (0x30...0x39).contains(first),
            let value = Double(String(decoding: bytes, as: UTF8.self)), value.isFinite
        else {
            self.areUsual = false
            return 0
        }
        return value
    }

    mutating func string(_ json: JSONSlice) -> String {
        // Whether other bytes are UTF-8 is looked at by nobody here.
        guard json.raw.allSatisfy({ $0 < 0x80 }), let text = json.plainString else {
            self.areUsual = false
            return ""
        }
        return text
    }

    mutating func bool(_ json: JSONSlice) -> Bool {
        if json.isTrue { return true }
        if !json.raw.elementsEqual("false".utf8) { self.areUsual = false }
        return false
    }
}
