/// What names a gateway session: enough, with a sequence number, to RESUME it.
struct SessionIdentity: Equatable, Sendable {
    let id: String
    /// Where to RESUME; checked against the allowed hosts before it gets here.
    let resumeURL: String
}
