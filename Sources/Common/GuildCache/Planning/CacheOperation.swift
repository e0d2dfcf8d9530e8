/// A value to be stored: Discord's bytes as they are, or with parts left out.
package enum CacheValue: Sendable, Equatable {
    package enum Piece: Sendable, Equatable {
        case slice(Range<Int>)
        case text(String)
    }

    /// Of the bytes that the plan was made from.
    case slice(Range<Int>)
    case pieces([Piece])
}

package struct CacheEntry: Sendable, Equatable {
    package let id: UInt64
    package let value: CacheValue

    package init(id: UInt64, value: CacheValue) {
        self.id = id
        self.value = value
    }
}

/// One change of what is kept of a guild.
package enum CacheOperation: Sendable, Equatable {
    case setGuild(CacheValue)
    case put(CacheKind, [CacheEntry])
    /// These are all there are.
    case replace(CacheKind, [CacheEntry])
    case remove(CacheKind, [UInt64])
    /// A channel with its notes and threads.
    case removeChannel(UInt64)
    /// Threads of these channels; `nil`: all.
    case removeThreads(ofParents: [UInt64]?)
    /// The bot's own membership of threads.
    case putOwnThreads([CacheEntry])
    case removeOwnThread(UInt64)
    /// What changes of a channel without a CHANNEL_UPDATE.
    case note(channel: UInt64, field: ChannelNote, value: CacheValue)
    case setFact(GuildFact, CacheValue)
    /// - Parameter joined: counts only when this member is not kept yet.
    case countMembers(by: Int, joined: UInt64?)
    /// What is kept of this kind is not all of it, or all again.
    case doubt(CacheKind)
    case trust(CacheKind)
}

/// What the gateway tells of a guild besides its object.
package enum GuildFact: String, Sendable, CaseIterable {
    case memberCount = "member_count"
    case joinedAt = "joined_at"
    case large
}

/// Fields of a channel that have events of their own.
package enum ChannelNote: String, Sendable, CaseIterable {
    case lastPinTimestamp = "last_pin_timestamp"
    case lastMessageID = "last_message_id"
    case status
    case voiceStartTime = "voice_start_time"
}

/// What one dispatch changes of one guild.
package struct CachePlan: Sendable, Equatable {
    package enum Mode: String, Sendable {
        case update
        /// The guild is all that the operations put.
        case create
        /// The guild is away; what is kept stays.
        case unavailable
        /// The guild is no more ours: everything goes, and stays away from older writes.
        case gone
        /// READY has named the guild: its GUILD_CREATE is to come.
        case expect
    }

    package var mode: Mode
    package var operations: [CacheOperation]
    /// What the event changes, of which the state before may be asked for.
    package var subject: Subject?
    /// Every member is to be asked for.
    package var lacksMembers = false

    package struct Subject: Sendable, Equatable {
        package let kind: CacheKind
        package let id: UInt64

        package init(_ kind: CacheKind, _ id: UInt64) {
            self.kind = kind
            self.id = id
        }
    }

    package init(_ mode: Mode, _ operations: [CacheOperation] = [], subject: Subject? = nil) {
        self.mode = mode
        self.operations = operations
        self.subject = subject
    }
}
