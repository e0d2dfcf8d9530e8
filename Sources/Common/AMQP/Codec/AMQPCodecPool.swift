import CRabbitMQ

/// librabbitmq's memory for one method or header at a time: what goes out is copied into it, what comes in points to
/// it.
final class AMQPCodecPool {
    private static let maximumDepth = AMQPTableScanner.maximumDepth

    let pointer: UnsafeMutablePointer<amqp_pool_t>
    /// An upper bound of the encoded size of all strings and tables made since `recycle()`.
    private(set) var encodedSize = 0

    init() {
        self.pointer = .allocate(capacity: 1)
        init_amqp_pool(self.pointer, 4_096)
    }

    deinit {
        empty_amqp_pool(self.pointer)
        self.pointer.deallocate()
    }

    func recycle() {
        recycle_amqp_pool(self.pointer)
        self.encodedSize = 0
    }

    /// At most 255 bytes of UTF-8.
    func shortString(_ string: String) throws(AMQPError) -> amqp_bytes_t {
        let bytes = try self.longString(string)
        guard bytes.len <= 255 else {
            throw AMQPError(
                .invalidArgument, "a short string of \(bytes.len) bytes, at most 255 fit: \(string.prefix(64))…")
        }
        return bytes
    }

    func longString(_ string: String) throws(AMQPError) -> amqp_bytes_t {
        var string = string
        let bytes = string.withUTF8 { self.copy(UnsafeRawBufferPointer($0)) }
        guard let bytes else { throw Self.outOfMemory }
        return bytes
    }

    /// `extra`: one more entry, which wins over one of the same name.
    func table(
        _ table: AMQPTable,
        extra: (key: String, value: AMQPValue)? = nil,
        depth: Int = 1
    ) throws(AMQPError) -> amqp_table_t {
        guard depth <= Self.maximumDepth else {
            throw AMQPError(.invalidArgument, "a table nested deeper than \(Self.maximumDepth) levels")
        }
        self.encodedSize += 4
        let capacity = table.count + (extra == nil ? 0 : 1)
        guard capacity > 0 else { return amqp_table_t(num_entries: 0, entries: nil) }
        let entries = try self.allocate(amqp_table_entry_t.self, count: capacity)
        var count = 0
        for (key, value) in table where key != extra?.key {
            entries[count] = amqp_table_entry_t(
                key: try self.shortString(key), value: try self.fieldValue(value, depth: depth))
            count += 1
        }
        if let extra {
            entries[count] = amqp_table_entry_t(
                key: try self.shortString(extra.key), value: try self.fieldValue(extra.value, depth: depth))
            count += 1
        }
        return amqp_table_t(num_entries: Int32(count), entries: entries)
    }

    private func fieldValue(_ value: AMQPValue, depth: Int) throws(AMQPError) -> amqp_field_value_t {
        var field = amqp_field_value_t()
        self.encodedSize += 9
        switch value {
        case .bool(let value):
            field.kind = UInt8(ascii: "t")
            field.value.boolean = value ? 1 : 0
        case .int8(let value):
            field.kind = UInt8(ascii: "b")
            field.value.i8 = value
        case .uint8(let value):
            field.kind = UInt8(ascii: "B")
            field.value.u8 = value
        case .int16(let value):
            field.kind = UInt8(ascii: "s")
            field.value.i16 = value
        case .uint16(let value):
            field.kind = UInt8(ascii: "u")
            field.value.u16 = value
        case .int32(let value):
            field.kind = UInt8(ascii: "I")
            field.value.i32 = value
        case .uint32(let value):
            field.kind = UInt8(ascii: "i")
            field.value.u32 = value
        case .int64(let value):
            field.kind = UInt8(ascii: "l")
            field.value.i64 = value
        case .float(let value):
            field.kind = UInt8(ascii: "f")
            field.value.f32 = value
        case .double(let value):
            field.kind = UInt8(ascii: "d")
            field.value.f64 = value
        case .decimal(let scale, let value):
            field.kind = UInt8(ascii: "D")
            field.value.decimal = amqp_decimal_t(decimals: scale, value: value)
        case .string(let value):
            field.kind = UInt8(ascii: "S")
            field.value.bytes = try self.longString(value)
        case .bytes(let value):
            field.kind = UInt8(ascii: "x")
            guard let bytes = value.withUnsafeBytes({ self.copy($0) }) else { throw Self.outOfMemory }
            field.value.bytes = bytes
        case .timestamp(let value):
            field.kind = UInt8(ascii: "T")
            field.value.u64 = value
        case .array(let values):
            field.kind = UInt8(ascii: "A")
            field.value.array = try self.array(values, depth: depth + 1)
        case .table(let table):
            field.kind = UInt8(ascii: "F")
            field.value.table = try self.table(table, depth: depth + 1)
        case .void:
            field.kind = UInt8(ascii: "V")
        }
        return field
    }

    private func array(_ values: [AMQPValue], depth: Int) throws(AMQPError) -> amqp_array_t {
        guard depth <= Self.maximumDepth else {
            throw AMQPError(.invalidArgument, "an array nested deeper than \(Self.maximumDepth) levels")
        }
        self.encodedSize += 4
        guard !values.isEmpty else { return amqp_array_t(num_entries: 0, entries: nil) }
        let entries = try self.allocate(amqp_field_value_t.self, count: values.count)
        for (index, value) in values.enumerated() { entries[index] = try self.fieldValue(value, depth: depth) }
        return amqp_array_t(num_entries: Int32(clamping: values.count), entries: entries)
    }

    private func allocate<T>(_ type: T.Type, count: Int) throws(AMQPError) -> UnsafeMutablePointer<T> {
        guard let memory = amqp_pool_alloc(self.pointer, count * MemoryLayout<T>.stride) else { throw Self.outOfMemory }
        return memory.bindMemory(to: type, capacity: count)
    }

    private func copy(_ bytes: UnsafeRawBufferPointer) -> amqp_bytes_t? {
        self.encodedSize += bytes.count + 4
        guard let source = bytes.baseAddress, bytes.count > 0 else { return amqp_bytes_t(len: 0, bytes: nil) }
        guard let memory = amqp_pool_alloc(self.pointer, bytes.count) else { return nil }
        memory.copyMemory(from: source, byteCount: bytes.count)
        return amqp_bytes_t(len: bytes.count, bytes: memory)
    }

    private static var outOfMemory: AMQPError { AMQPError(.invalidArgument, "no memory left to encode it") }
}
