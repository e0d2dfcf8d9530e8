import NIOCore
package import Redis

/// Turns plans into calls of the scripts.
package struct CacheWriteEncoder: Sendable {
    /// A guild with more bytes than this is carried to temporary keys by several commands, and put in place by the
    /// script in one step.
    static let wholeBytes = 512 << 10
    /// Lists with fewer bytes stay in the script's call.
    static let listBytes = 64 << 10
    /// Values and bytes of one command to a temporary key.
    static let commandValues = 500
    static let commandBytes = 256 << 10

    /// Stands for the number of the write before a session's first one, when nothing is missing between both.
    package static let afterOtherGeneration: Int64 = -1

    package let keys: CacheKeys
    package let kinds: CacheKinds
    private let whole: String
    private let inPart: String

    package init(keys: CacheKeys, kinds: CacheKinds) {
        self.keys = keys
        self.kinds = kinds
        self.whole = kinds.whole
        self.inPart = kinds.inPart
    }

    /// Appends what carries the plan out; the script's answer is the last of the results.
    ///
    /// - Parameters:
    ///   - bytes: those that the plan was made from.
    ///   - after: the sequence number of the session's write to this guild before this one; 0 when it is not known;
    ///     ``afterOtherGeneration`` when it follows the last write of another generation's session.
    ///   - wantsOld: whether the answer is to hold the subject's value from before.
    package func append(
        _ plan: CachePlan,
        of guild: UInt64,
        from bytes: UnsafeRawBufferPointer,
        version: CacheVersion,
        after: Int64,
        wantsOld: Bool = false,
        to pipeline: inout RedisPipeline
    ) {
        let base = self.keys.guild(guild)
        let size = plan.operations.reduce(0) { $0 + $1.size }
        var arguments = RedisArguments(reservingBytes: min(size, Self.wholeBytes) + 512)
        self.writeHeader(version, to: &arguments)
        arguments.append(.integer(after))
        arguments.append(.string(self.whole))
        arguments.append(.string(self.inPart))
        arguments.append(.string(plan.mode.rawValue))
        if wantsOld, let subject = plan.subject {
            arguments.append("o")
            arguments.append(.string(subject.kind.rawValue))
            arguments.append(RedisArgument(subject.id))
        }
        let isLarge = plan.mode == .create && size > Self.wholeBytes
        for operation in plan.operations {
            if isLarge, case .put(let kind, let entries) = operation, !self.kinds.isInPart(kind),
                operation.size > Self.listBytes
            {
                let part = "\(base):new:\(version.session):\(version.sequence):\(kind.rawValue)"
                self.append(entries, from: bytes, part: part, to: &pipeline)
                arguments.append("a")
                arguments.append(.string(kind.rawValue))
                arguments.append(.string(part))
            } else {
                self.write(operation, from: bytes, to: &arguments)
            }
        }
        pipeline.append(CacheScripts.apply, keys: [.string(base)], arguments: arguments)
    }

    /// Appends a check that the session's last write is there.
    ///
    /// - Parameters:
    ///   - always: marks the guild as unsure in any case.
    ///   - isTakenOver: marks it also if another session wrote last that comes later.
    package func appendCheck(
        of guild: UInt64, version: CacheVersion, always: Bool, isTakenOver: Bool = false,
        to pipeline: inout RedisPipeline
    ) {
        self.appendCheck(of: guild, version: version, how: always ? "1" : isTakenOver ? "2" : "0", to: &pipeline)
    }

    /// Appends what lets any session write that comes next, if this one wrote last. The guild is unsure then.
    package func appendGiveBack(of guild: UInt64, version: CacheVersion, to pipeline: inout RedisPipeline) {
        self.appendCheck(of: guild, version: version, how: "3", to: &pipeline)
    }

    private func appendCheck(
        of guild: UInt64, version: CacheVersion, how: RedisArgument, to pipeline: inout RedisPipeline
    ) {
        var arguments = RedisArguments()
        self.writeHeader(version, to: &arguments)
        arguments.append(how)
        arguments.append(.string(self.whole))
        arguments.append(.string(self.inPart))
        pipeline.append(CacheScripts.verify, keys: [.string(self.keys.guild(guild))], arguments: arguments)
    }

    private func writeHeader(_ version: CacheVersion, to arguments: inout RedisArguments) {
        arguments.append(.string(version.order.text))
        arguments.append(.string(version.session))
        arguments.append(.integer(version.sequence))
    }

    // MARK: Parts of large guilds

    private func append(
        _ entries: [CacheEntry], from bytes: UnsafeRawBufferPointer, part: String, to pipeline: inout RedisPipeline
    ) {
        var rest = entries[...]
        while !rest.isEmpty {
            var command = RedisArguments(reservingBytes: Self.commandBytes)
            command.append("HSET")
            command.append(.string(part))
            var values = 0
            while let entry = rest.first, values < Self.commandValues, command.byteCount < Self.commandBytes {
                self.write(entry, from: bytes, to: &command)
                rest.removeFirst()
                values += 1
            }
            pipeline.append(command)
        }
        pipeline.append("EXPIRE", .string(part), .integer(Int64(CacheScripts.partSeconds)))
    }

    // MARK: Operations

    private func write(
        _ operation: CacheOperation, from bytes: UnsafeRawBufferPointer, to arguments: inout RedisArguments
    ) {
        switch operation {
        case .setGuild(let value):
            arguments.append("v")
            value.write(from: bytes, to: &arguments)
        case .put(let kind, let entries):
            if let bound = self.kinds.bound(of: kind) {
                arguments.append("b")
                arguments.append(.string(kind.rawValue))
                arguments.append(.integer(Int64(bound.seconds)))
                arguments.append(.integer(Int64(bound.count)))
                self.write(entries.prefix(bound.count), from: bytes, to: &arguments)
            } else {
                arguments.append("p")
                arguments.append(.string(kind.rawValue))
                self.write(entries[...], from: bytes, to: &arguments)
            }
        case .replace(let kind, let entries):
            arguments.append("r")
            arguments.append(.string(kind.rawValue))
            self.write(entries[...], from: bytes, to: &arguments)
        case .remove(let kind, let ids):
            self.write(removed: ids, key: kind.rawValue, to: &arguments)
            if kind == .threads { self.write(removed: ids, key: "threads:own", to: &arguments) }
        case .removeChannel(let id):
            arguments.append("c")
            arguments.append(RedisArgument(id))
        case .removeThreads(let parents):
            arguments.append("t")
            guard let parents else { return arguments.append("all") }
            arguments.append(RedisArgument(parents.count))
            for parent in parents { arguments.append(RedisArgument(parent)) }
        case .putOwnThreads(let entries):
            arguments.append("p")
            arguments.append("threads:own")
            self.write(entries[...], from: bytes, to: &arguments)
        case .removeOwnThread(let id):
            self.write(removed: [id], key: "threads:own", to: &arguments)
        case .note(let channel, let field, let value):
            arguments.append("n")
            arguments.append("\(channel):\(field.rawValue)")
            value.write(from: bytes, to: &arguments)
        case .setFact(let fact, let value):
            arguments.append("f")
            arguments.append(.string(fact.rawValue))
            value.write(from: bytes, to: &arguments)
        case .countMembers(let difference, let joined):
            arguments.append("j")
            arguments.append(.integer(Int64(difference)))
            arguments.append(.string(joined.map { String($0) } ?? ""))
        case .doubt(let kind):
            arguments.append("u")
            arguments.append(.string(kind.rawValue))
        case .trust(let kind):
            arguments.append("k")
            arguments.append(.string(kind.rawValue))
        }
    }

    private func write(
        _ entries: ArraySlice<CacheEntry>, from bytes: UnsafeRawBufferPointer, to arguments: inout RedisArguments
    ) {
        arguments.append(RedisArgument(entries.count))
        for entry in entries { self.write(entry, from: bytes, to: &arguments) }
    }

    private func write(_ entry: CacheEntry, from bytes: UnsafeRawBufferPointer, to arguments: inout RedisArguments) {
        arguments.append(RedisArgument(entry.id))
        entry.value.write(from: bytes, to: &arguments)
    }

    private func write(removed ids: [UInt64], key: String, to arguments: inout RedisArguments) {
        arguments.append("d")
        arguments.append(.string(key))
        arguments.append(RedisArgument(ids.count))
        for id in ids { arguments.append(RedisArgument(id)) }
    }
}

extension CacheValue {
    /// Bytes.
    var size: Int {
        switch self {
        case .slice(let range): range.count
        case .pieces(let pieces):
            pieces.reduce(0) { size, piece in
                switch piece {
                case .slice(let range): size + range.count
                case .text(let text): size + text.utf8.count
                }
            }
        }
    }

    func write(from bytes: UnsafeRawBufferPointer, to arguments: inout RedisArguments) {
        switch self {
        case .slice(let range): arguments.append(UnsafeRawBufferPointer(rebasing: bytes[range]))
        case .pieces(let pieces): arguments.append(.buffer(Self.join(pieces, from: bytes)))
        }
    }

    private static func join(_ pieces: [Piece], from bytes: UnsafeRawBufferPointer) -> ByteBuffer {
        var joined = ByteBuffer()
        for piece in pieces {
            switch piece {
            case .slice(let range): joined.writeBytes(bytes[range])
            case .text(let text): joined.writeString(text)
            }
        }
        return joined
    }

    /// The value as text, for whoever looks at a plan.
    package func text(from bytes: UnsafeRawBufferPointer) -> String {
        switch self {
        case .slice(let range): String(decoding: bytes[range], as: UTF8.self)
        case .pieces(let pieces): String(buffer: Self.join(pieces, from: bytes))
        }
    }
}

extension CacheOperation {
    /// Bytes of its values.
    var size: Int {
        switch self {
        case .setGuild(let value), .note(_, _, let value), .setFact(_, let value): value.size
        case .put(_, let entries), .replace(_, let entries), .putOwnThreads(let entries):
            entries.reduce(0) { $0 + $1.value.size }
        case .remove, .removeChannel, .removeThreads, .removeOwnThread, .countMembers, .doubt, .trust: 0
        }
    }
}
