import DequeModule
import GuildCache
import NIOCore

/// What changes in guilds of another generation's lanes, from when this slot begins to publish a lane until the guilds
/// are its own to keep.
///
/// The other generation has written everything that came before this slot began; what came since is here. So nothing is
/// missing when this slot goes on, and no guild has to become unsure.
struct CacheTakeover: Sendable {
    struct Entry: Sendable, Equatable {
        let event: CacheEvent
        let guild: UInt64
        let sequence: Int64
        let data: ByteBuffer

        /// What it takes of memory, about.
        var bytes: Int { MemoryLayout<Entry>.stride + self.data.storageCapacity }
    }

    /// Of a slot's entries. Past it, or when the process has no room, they are given up, and guilds become unsure when
    /// they are taken over.
    static let mostBytes = 8 << 20

    private let room: TakeoverRoom
    private var entries: Deque<Entry> = []
    /// Taken of the process' room.
    private var bytes = 0
    /// Lanes that all entries since their beginning are here of.
    private var held: Set<Int> = []
    /// Lanes that were taken over with nothing missing.
    private var whole: Set<Int> = []

    init(room: TakeoverRoom) { self.room = room }

    /// Whether the first write to one of the lane's guilds follows the other generation's last one.
    func isWhole(lane: Int) -> Bool { self.whole.contains(lane) }

    /// - Parameter hasSession: without one nothing is heard.
    /// - Returns: what is to be written now, in its order.
    mutating func lanesChanged(
        from before: PublishedLanes, to next: PublishedLanes, hasSession: Bool
    ) -> [Entry] {
        for lane in next.allLanes {
            let isSilent = !before.contains(lane: lane) && !before.keeps(lane: lane)
            switch (next.contains(lane: lane), next.keeps(lane: lane)) {
            case (_, true):
                if self.held.remove(lane) != nil { self.whole.insert(lane) }
            case (true, false):
                self.whole.remove(lane)
                if isSilent, hasSession { self.held.insert(lane) }
            case (false, false):
                self.held.remove(lane)
                self.whole.remove(lane)
            }
        }
        let due = self.entries.filter { next.keeps(guild: $0.guild) }
        self.entries = self.entries.filter { self.held.contains(next.lane(of: $0.guild)) }
        let bytes = self.entries.reduce(0) { $0 + $1.bytes }
        self.room.giveBack(self.bytes - bytes)
        self.bytes = bytes
        return Array(due)
    }

    /// - Parameter lane: the guild's.
    mutating func hold(
        _ event: CacheEvent, of guild: UInt64, lane: Int, sequence: Int64, data: UnsafeRawBufferPointer
    ) {
        guard self.held.contains(lane) else { return }
        let entry = Entry(event: event, guild: guild, sequence: sequence, data: ByteBuffer(bytes: data))
        guard self.bytes + entry.bytes <= Self.mostBytes, self.room.take(entry.bytes) else {
            self.room.overflowed()
            return self.giveUp()
        }
        self.bytes += entry.bytes
        self.entries.append(entry)
    }

    /// The next session begins with what this one missed. Also when the slot is let go of: the room is others' then.
    mutating func sessionEnded() {
        self.giveUp()
        self.whole.removeAll()
    }

    private mutating func giveUp() {
        self.entries.removeAll()
        self.room.giveBack(self.bytes)
        self.bytes = 0
        self.held.removeAll()
    }
}
