import Discord

/// What the cache needs of READY, by slicing: a shard may have thousands of guilds.
struct ReadySlice {
    let session: String
    let user: UInt64?
    let guilds: Set<UInt64>

    /// `nil` without a session id.
    init?(_ bytes: UnsafeRawBufferPointer) throws(SliceError) {
        var session: String?
        var user: UInt64?
        var guilds: Set<UInt64> = []
        try JSONSlice(checked: bytes).forEachMember { (key, value) throws(SliceError) in
            if key.is("session_id") {
                session = value.plainString
            } else if key.is("user") {
                user = try value.member("id")?.id
            } else if key.is("guilds") {
                try value.forEachElement { (guild) throws(SliceError) in
                    if let id = try guild.member("id")?.id { guilds.insert(id) }
                }
            }
        }
        guard let session else { return nil }
        self.session = session
        self.user = user
        self.guilds = guilds
    }
}
