/// What is kept of a guild, each kind under a key of its own (docs/protocol.md). The raw value is the key's end, but
/// for the guild itself, whose key is the base of all.
package enum CacheKind: String, CaseIterable, Sendable {
    case guild, channels, roles
    /// Threads that are not archived.
    case threads
    case emojis, stickers
    case members
    /// Voice states, by user.
    case voice
    case presences
    case stages, events, sounds
}
