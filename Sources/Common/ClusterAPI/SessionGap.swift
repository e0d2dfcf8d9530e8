/// A session that could not be resumed: events after its watermark may be missing. Every lane has a line that says so.
package struct SessionGap: Hashable, Sendable, Codable {
    /// Discord's id of the lost session.
    package let session: String
    /// Its watermark: what came after it may be missing.
    package let after: Int64
    /// `invalid_session`, `resume_attempts`, a close code, or another word of docs/protocol.md.
    package let reason: String
    package let numShards: Int
    /// When the session was given up, since 1970.
    package let atMilliseconds: Int64

    package init(session: String, after: Int64, reason: String, numShards: Int, atMilliseconds: Int64) {
        self.session = session
        self.after = after
        self.reason = reason
        self.numShards = numShards
        self.atMilliseconds = atMilliseconds
    }
}
