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

    /// What of a session decides what it hears, without what it keeps.
    struct Hearer: Sendable {
        let session: String
        let user: Snowflake
        let isBot: Bool
        let intents: Intents
        let largeThreshold: Int

        func wants(_ name: EventName, inGuild: Bool) -> Bool { self.wants(name.requiredIntents(inGuild: inGuild)) }

        /// - Parameter required: the intents of which any one is enough; none is always enough.
        func wants(_ required: Intents) -> Bool {
            !self.isBot || required.isEmpty || !required.isDisjoint(with: self.intents)
        }

        /// How much of its guilds' members it is shown.
        var view: MemberView {
            guard self.isBot else { return .person }
            return .bot(seesPresences: self.intents.contains(.guildPresences), largeThreshold: self.largeThreshold)
        }
    }

    enum ResumeRefusal: Error, Equatable {
        /// The number was never reached: close code 4007.
        case sequenceAhead
        /// What follows the number is gone: op 9, not resumable.
        case evicted
    }

    /// How much is kept for replay: at least the last event.
    struct ReplayLimit: Sendable, Equatable {
        var events: Int
        /// Of the events' bodies.
        var bytes: Int
    }

    let id: String
    let userID: Snowflake
    let isBot: Bool
    let shard: ShardID?
    let intents: Intents
    let largeThreshold: Int
    /// The digest of the token that it was begun or last resumed with.
    var credential: String
    private(set) var lastSequence: Int64 = 0
    private var buffer: Deque<Entry> = []
    private(set) var bufferedBytes = 0
    private var limit: ReplayLimit
    /// When the client went away; `nil` while one is connected.
    var detachedAt: ContinuousClock.Instant?
    /// What the client's last heartbeat or Resume told to have.
    var acknowledged: Int64?
    /// Guilds that READY announced and whose GUILD_CREATE is still to come. Nothing of theirs is told before.
    var pendingGuilds: Set<Snowflake> = []

    init(
        id: String, userID: Snowflake, isBot: Bool, shard: ShardID?, intents: Intents, largeThreshold: Int,
        credential: String = "", limit: ReplayLimit
    ) {
        self.id = id
        self.userID = userID
        self.isBot = isBot
        self.shard = shard
        self.intents = intents
        self.largeThreshold = largeThreshold
        self.credential = credential
        self.limit = limit
    }

    var hearer: Hearer {
        Hearer(
            session: self.id, user: self.userID, isBot: self.isBot, intents: self.intents,
            largeThreshold: self.largeThreshold)
    }

    var bufferedEvents: Int { self.buffer.count }
    /// The lowest number that can be replayed.
    var firstBuffered: Int64? { self.buffer.first?.sequence }

    /// Numbers an event and keeps it for replay.
    mutating func append(_ name: EventName, _ data: ByteBuffer) -> Entry {
        self.lastSequence += 1
        let entry = Entry(sequence: self.lastSequence, name: name, data: data)
        self.buffer.append(entry)
        self.bufferedBytes += data.readableBytes
        self.keepLimit()
        return entry
    }

    /// Drops what the client has told to have.
    mutating func trim(through sequence: Int64) {
        while let first = self.buffer.first, first.sequence <= sequence { self.removeFirst() }
    }

    /// Makes the buffer smaller, now and for the future.
    mutating func shrink(to events: Int) {
        self.limit.events = min(self.limit.events, events)
        self.keepLimit()
    }

    private mutating func keepLimit() {
        while self.buffer.count > max(self.limit.events, 1)
            || self.bufferedBytes > self.limit.bytes && self.buffer.count > 1
        {
            self.removeFirst()
        }
    }

    private mutating func removeFirst() {
        self.bufferedBytes -= self.buffer.removeFirst().data.readableBytes
    }

    /// What came after `sequence`, in order.
    func replay(after sequence: Int64) throws(ResumeRefusal) -> [Entry] {
        guard sequence <= self.lastSequence else { throw .sequenceAhead }
        guard sequence >= 0 else { throw .evicted }
        if sequence == self.lastSequence { return [] }
        guard let first = self.buffer.first, first.sequence <= sequence + 1 else { throw .evicted }
        return Array(self.buffer[self.buffer.startIndex.advanced(by: Int(sequence + 1 - first.sequence))...])
    }

    /// The last events that were numbered, oldest first.
    func last(_ count: Int) -> [Entry] { Array(self.buffer.suffix(count)) }

    /// Whether the session hears an event of this name.
    func wants(_ name: EventName, inGuild: Bool) -> Bool { self.hearer.wants(name, inGuild: inGuild) }

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
