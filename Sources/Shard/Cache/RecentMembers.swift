import GuildCache

/// Remembers which members messages have shown of late, so that one who writes a hundred messages is written down
/// once. Of fixed size: a newer member may take another's place.
struct RecentMembers {
    private struct Place {
        var hash: UInt64 = 0
        var seenAt: Int64 = 0
    }

    private static let count = 16_384
    private var places: [Place] = []

    /// Takes members out of a plan that are known as they are.
    ///
    /// - Parameter lifetime: seconds.
    mutating func removeKnown(
        from plan: inout CachePlan, application: UInt64, guild: UInt64, bytes: UnsafeRawBufferPointer, lifetime: Int,
        now: Int64 = WallClock.milliseconds
    ) {
        plan.operations.removeAll { operation in
            guard case .put(.members, let entries) = operation, entries.count == 1, let entry = entries.first else {
                return false
            }
            return self.isKnown(
                Self.hash(entry, application: application, guild: guild, bytes: bytes),
                of: guild ^ entry.id &* 0x9E37_79B9_7F4A_7C15, lifetime: Int64(lifetime) * 1_000, now: now)
        }
    }

    /// A member has one place, so that one who changes back is new again.
    private mutating func isKnown(_ hash: UInt64, of member: UInt64, lifetime: Int64, now: Int64) -> Bool {
        if self.places.isEmpty { self.places = Array(repeating: Place(), count: Self.count) }
        let index = Int((member >> 32) % UInt64(Self.count))
        let place = self.places[index]
        if place.hash == hash, now - place.seenAt < lifetime { return true }
        self.places[index] = Place(hash: hash, seenAt: now)
        return false
    }

    /// FNV-1a, 64 bits, eight bytes at a time.
    private static func hash(
        _ entry: CacheEntry, application: UInt64, guild: UInt64, bytes: UnsafeRawBufferPointer
    ) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ value: UInt64) {
            hash = (hash ^ value) &* 0x100_0000_01B3
            hash ^= hash >> 29
        }
        add(application)
        add(guild)
        add(entry.id)
        func add(_ range: Range<Int>) {
            var offset = range.lowerBound
            while range.upperBound - offset >= 8 {
                add(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                offset += 8
            }
            while offset < range.upperBound {
                add(UInt64(bytes[offset]))
                offset += 1
            }
            add(UInt64(range.count))
        }
        switch entry.value {
        case .slice(let range): add(range)
        case .pieces(let pieces):
            for case .slice(let range) in pieces { add(range) }
        }
        return hash
    }
}
