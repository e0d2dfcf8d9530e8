import Discord
import NIOCore

/// Writes JSON as bytes, without a value for each part of it. The caller writes the punctuation.
///
/// It has memory of its own, since most of what it writes are a few bytes at a time.
struct JSONWriter: ~Copyable {
    private var memory: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// Bytes written.
    private(set) var count = 0

    /// - Parameter capacity: bytes that are likely to be needed.
    init(capacity: Int = 1024) {
        self.capacity = max(capacity, 64)
        self.memory = .allocate(capacity: self.capacity)
    }

    deinit { self.memory.deallocate() }

    /// A copy of what was written.
    var bytes: ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: self.count)
        buffer.writeBytes(UnsafeRawBufferPointer(start: self.memory, count: self.count))
        return buffer
    }

    private mutating func makeRoom(for count: Int) {
        guard self.capacity - self.count < count else { return }
        self.capacity = max(2 * self.capacity, self.count + count)
        let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: self.capacity)
        larger.update(from: self.memory, count: self.count)
        self.memory.deallocate()
        self.memory = larger
    }

    private mutating func append(_ start: UnsafePointer<UInt8>, count: Int) {
        self.makeRoom(for: count)
        (self.memory + self.count).update(from: start, count: count)
        self.count += count
    }

    private mutating func append(_ byte: UInt8) {
        self.makeRoom(for: 1)
        self.memory[self.count] = byte
        self.count += 1
    }

    /// ASCII JSON as it stands.
    mutating func raw(_ text: StaticString) { self.append(text.utf8Start, count: text.utf8CodeUnitCount) }

    /// JSON as it stands.
    mutating func text(_ json: String) {
        var json = json
        json.withUTF8 { text in
            if let base = text.baseAddress { self.append(base, count: text.count) }
        }
    }

    mutating func raw(_ json: ByteBuffer) {
        let count = json.readableBytes
        self.makeRoom(for: count)
        let target = UnsafeMutableRawPointer(self.memory + self.count)
        json.withUnsafeReadableBytes { bytes in
            if let base = bytes.baseAddress { target.copyMemory(from: base, byteCount: count) }
        }
        self.count += count
    }

    mutating func string(_ value: String) {
        var value = value
        self.append(UInt8(ascii: "\""))
        value.withUTF8 { text in
            guard let base = text.baseAddress else { return }
            var start = 0
            var offset = 0
            while offset < text.count {
                let byte = base[offset]
                if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                    self.append(base + start, count: offset - start)
                    self.escape(byte)
                    start = offset + 1
                }
                offset += 1
            }
            self.append(base + start, count: text.count - start)
        }
        self.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""): self.raw("\\\"")
        case UInt8(ascii: "\\"): self.raw("\\\\")
        case 0x0A: self.raw("\\n")
        case 0x0D: self.raw("\\r")
        case 0x09: self.raw("\\t")
        default:
            self.raw("\\u00")
            for digit in [byte >> 4, byte & 0xF] {
                self.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            }
        }
    }

    mutating func string(_ value: String?) {
        if let value { self.string(value) } else { self.raw("null") }
    }

    mutating func value(_ value: JSONValue) { value.write(to: &self) }
    mutating func bool(_ value: Bool) { self.raw(value ? "true" : "false") }

    mutating func integer(_ value: Int) {
        if value < 0 { self.raw("-") }
        self.decimal(UInt64(value.magnitude))
    }

    mutating func id(_ id: Snowflake) {
        self.append(UInt8(ascii: "\""))
        self.decimal(id.rawValue)
        self.append(UInt8(ascii: "\""))
    }

    mutating func id(_ id: Snowflake?) {
        if let id { self.id(id) } else { self.raw("null") }
    }

    mutating func permissions(_ permissions: Permissions) { self.id(Snowflake(rawValue: permissions.rawValue)) }

    /// 16 digits.
    mutating func hexadecimal(_ value: UInt64) {
        for shift in stride(from: UInt64(60), through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: (value >> shift) & 0xF)
            self.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    mutating func time(_ time: Timestamp?) {
        guard let time else { return self.raw("null") }
        let parts = time.parts
        guard parts.year >= 0, parts.year < 10_000 else { return self.string(time.text) }
        self.append(UInt8(ascii: "\""))
        self.digits(parts.year, 4, then: UInt8(ascii: "-"))
        self.digits(parts.month, 2, then: UInt8(ascii: "-"))
        self.digits(parts.day, 2, then: UInt8(ascii: "T"))
        self.digits(parts.hour, 2, then: UInt8(ascii: ":"))
        self.digits(parts.minute, 2, then: UInt8(ascii: ":"))
        self.digits(parts.second, 2, then: UInt8(ascii: "."))
        self.digits(parts.millisecond, 3, then: UInt8(ascii: "0"))
        self.raw("00+00:00\"")
    }

    private mutating func decimal(_ value: UInt64) {
        var width = 1
        var rest = value / 10
        while rest > 0 {
            width += 1
            rest /= 10
        }
        self.digits(value, width)
    }

    private mutating func digits(_ value: Int64, _ width: Int, then end: UInt8) {
        self.digits(UInt64(clamping: value), width)
        self.append(end)
    }

    private mutating func digits(_ value: UInt64, _ width: Int) {
        self.makeRoom(for: width)
        var rest = value
        var offset = self.count + width
        self.count = offset
        for _ in 0..<width {
            offset -= 1
            self.memory[offset] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// The elements with commas between.
    mutating func list<Elements: Sequence>(
        _ elements: Elements, _ write: (inout JSONWriter, Elements.Element) -> Void
    ) {
        self.append(UInt8(ascii: "["))
        var isFirst = true
        for element in elements {
            if !isFirst { self.append(UInt8(ascii: ",")) }
            isFirst = false
            write(&self, element)
        }
        self.append(UInt8(ascii: "]"))
    }

    mutating func ids(_ ids: some Sequence<Snowflake>) { self.list(ids) { $0.id($1) } }
}
