import DequeModule
import Discord
import NIOCore

/// One gateway session: its numbering, and what a Resume can replay. It outlives connections.
struct GatewaySession: Sendable {
    struct Entry: Sendable {
        let sequence: Int64
        let name: EventName
        let data: ByteBuffer
    }

    enum ResumeRefusal: Error, Equatable {
        /// The number was never reached: close code 4007.
        case sequenceAhead
        /// What follows the number is gone: op 9, not resumable.
        case evicted
    }

    let id: String
    let userID: Snowflake
    let isBot: Bool
    let shard: ShardID?
    let intents: Intents
    let largeThreshold: Int
    private(set) var lastSequence: Int64 = 0
    private var buffer: Deque<Entry> = []
    private let bufferSize: Int
    /// When the client went away; `nil` while one is connected.
    var detachedAt: ContinuousClock.Instant?

    init(
        id: String, userID: Snowflake, isBot: Bool, shard: ShardID?, intents: Intents, largeThreshold: Int,
        bufferSize: Int
    ) {
        self.id = id
        self.userID = userID
        self.isBot = isBot
        self.shard = shard
        self.intents = intents
        self.largeThreshold = largeThreshold
        self.bufferSize = max(bufferSize, 1)
    }

    /// Numbers an event and keeps it for replay.
    mutating func append(_ name: EventName, _ data: ByteBuffer) -> Entry {
        self.lastSequence += 1
        let entry = Entry(sequence: self.lastSequence, name: name, data: data)
        self.buffer.append(entry)
        if self.buffer.count > self.bufferSize { self.buffer.removeFirst() }
        return entry
    }

    /// Drops what the client has told to have.
    mutating func trim(through sequence: Int64) {
        while let first = self.buffer.first, first.sequence <= sequence { self.buffer.removeFirst() }
    }

    /// What came after `sequence`, in order.
    func replay(after sequence: Int64) throws(ResumeRefusal) -> [Entry] {
        guard sequence <= self.lastSequence else { throw .sequenceAhead }
        guard sequence >= 0 else { throw .evicted }
        if sequence == self.lastSequence { return [] }
        guard let first = self.buffer.first, first.sequence <= sequence + 1 else { throw .evicted }
        return Array(self.buffer[self.buffer.startIndex.advanced(by: Int(sequence + 1 - first.sequence))...])
    }

    /// Whether the session hears an event of this name.
    func wants(_ name: EventName, inGuild: Bool) -> Bool {
        guard self.isBot else { return true }
        let required = name.requiredIntents(inGuild: inGuild)
        return required.isEmpty || !required.isDisjoint(with: self.intents)
    }

    /// The bytes of a dispatch for this session: the shared `d` with its own envelope.
    func frame(_ entry: Entry) -> ByteBuffer {
        var frame = ByteBufferAllocator().buffer(capacity: entry.data.readableBytes + 96)
        frame.writeStaticString("{\"t\":\"")
        frame.writeString(entry.name.rawValue)
        frame.writeStaticString("\",\"s\":")
        frame.writeString(String(entry.sequence))
        frame.writeStaticString(",\"op\":0,\"d\":")
        frame.writeImmutableBuffer(entry.data)
        frame.writeStaticString("}")
        return frame
    }
}
