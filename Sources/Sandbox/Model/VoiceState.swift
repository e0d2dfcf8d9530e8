import Discord

/// Somebody in a voice channel.
struct VoiceState: Sendable, Equatable {
    let userID: Snowflake
    var channelID: Snowflake
    var sessionID: String
    var isSelfMuted = false
    var isSelfDeafened = false
    var isStreaming = false
}

/// What somebody is seen to do. Who isn't online does nothing.
struct Presence: Sendable, Equatable {
    enum Status: String, Sendable, CaseIterable { case online, idle, dnd, offline }

    var status: Status
    /// What game is played: a number that decides the activity; `nil` without one.
    var activity: UInt32?
}
