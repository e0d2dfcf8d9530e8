import DequeModule

/// What waits for its place in a slot's send budget. The kinds take turns, and within a kind the guilds, so that no
/// flood of one holds up the others. It knows no clock; how much may wait is its owner's to bound.
struct SendQueue: Sendable {
    typealias Instant = ContinuousClock.Instant

    /// In the order of their turns.
    enum Kind: Int, Sendable, CaseIterable {
        case presence, voiceState, members, allMembers, soundboardSounds, channelInfo
    }

    struct Item: Sendable, Equatable {
        let kind: Kind
        /// Of what order has to be kept within; 0 where there is no guild.
        let guild: UInt64
        let command: UInt64
        /// Of a command that is sent in parts.
        let part: Int
    }

    enum Next: Sendable, Equatable {
        case item(Item)
        /// Nothing may leave before.
        case waits(until: Instant)
        case empty
    }

    private struct Lines: Sendable {
        var turns: Deque<UInt64> = []
        var items: [UInt64: Deque<Item>] = [:]
    }

    private var kinds = [Lines](repeating: Lines(), count: Kind.allCases.count)
    private var turn = 0
    private(set) var count = 0

    var isEmpty: Bool { self.count == 0 }

    mutating func append(_ item: Item) {
        self.count += 1
        let kind = item.kind.rawValue
        if self.kinds[kind].items[item.guild] == nil { self.kinds[kind].turns.append(item.guild) }
        self.kinds[kind].items[item.guild, default: []].append(item)
    }

    /// What waits of this kind and guild, the first one first.
    func waiting(_ kind: Kind, guild: UInt64) -> Item? { self.kinds[kind.rawValue].items[guild]?.first }

    /// Takes the next item whose time has come.
    ///
    /// - Parameter notBefore: when an item may leave at the earliest; `nil`: now.
    mutating func next(now: Instant, notBefore: (Item) -> Instant?) -> Next {
        guard !self.isEmpty else { return .empty }
        var earliest: Instant?
        for offset in 0..<self.kinds.count {
            let kind = (self.turn + offset) % self.kinds.count
            for index in self.kinds[kind].turns.indices {
                let guild = self.kinds[kind].turns[index]
                guard let item = self.kinds[kind].items[guild]?.first else { continue }
                if let time = notBefore(item), time > now {
                    earliest = min(earliest ?? time, time)
                    continue
                }
                self.kinds[kind].turns.remove(at: index)
                self.removeFirst(of: kind, guild)
                if self.kinds[kind].items[guild] != nil { self.kinds[kind].turns.append(guild) }
                self.turn = (kind + 1) % self.kinds.count
                return .item(item)
            }
        }
        return earliest.map { .waits(until: $0) } ?? .empty
    }

    private mutating func removeFirst(of kind: Int, _ guild: UInt64) {
        self.kinds[kind].items[guild]?.removeFirst()
        if self.kinds[kind].items[guild]?.isEmpty == true { self.kinds[kind].items[guild] = nil }
        self.count -= 1
    }

    /// Takes out all of a command's items.
    mutating func remove(command: UInt64) {
        for kind in self.kinds.indices {
            for guild in self.kinds[kind].turns {
                guard let items = self.kinds[kind].items[guild] else { continue }
                let rest = items.filter { $0.command != command }
                guard rest.count < items.count else { continue }
                self.count -= items.count - rest.count
                self.kinds[kind].items[guild] = rest.isEmpty ? nil : rest
            }
            self.kinds[kind].turns.removeAll { [items = self.kinds[kind].items] in items[$0] == nil }
        }
    }
}
