import Discord

/// What a blueprint makes of a guild: those that it began with are counted from 0.
protocol BlueprintPart: Sendable {
    /// How many there are at the beginning.
    static func count(in origin: Blueprint.Origin) -> Int
    static func id(_ ordinal: Int, in origin: Blueprint.Origin) -> Snowflake
    /// `nil` for an id that none of them has.
    static func ordinal(of id: Snowflake, in origin: Blueprint.Origin) -> Int?
    static func make(_ ordinal: Int, in origin: Blueprint.Origin) -> Self
}

/// The parts of one kind that a guild has: those of its blueprint that nobody changed are made when asked for, all
/// others are kept. A guild without a blueprint keeps all.
struct OverlayTable<Part: BlueprintPart>: Sendable {
    private let origin: Blueprint.Origin?
    /// Changed or added.
    private var kept: [Snowflake: Part] = [:]
    private var removed: Set<Snowflake> = []
    /// Those that the blueprint does not have, in the order in which they came.
    private(set) var added: [Snowflake] = []

    init(_ origin: Blueprint.Origin?) { self.origin = origin }

    private var originalCount: Int { self.origin.map { Part.count(in: $0) } ?? 0 }
    var count: Int { self.originalCount - self.removed.count + self.added.count }
    var isEmpty: Bool { self.count == 0 }

    /// Changed or added, in no order.
    var changed: [Snowflake] { Array(self.kept.keys) }
    /// Of the blueprint, and gone; in no order.
    var gone: Set<Snowflake> { self.removed }

    subscript(id: Snowflake) -> Part? {
        get {
            if let part = self.kept[id] { return part }
            guard let origin, let ordinal = Part.ordinal(of: id, in: origin), !self.removed.contains(id) else {
                return nil
            }
            return Part.make(ordinal, in: origin)
        }
        set {
            let isOriginal = self.origin.map { Part.ordinal(of: id, in: $0) != nil } ?? false
            if let newValue {
                if isOriginal {
                    self.removed.remove(id)
                } else if self.kept[id] == nil {
                    self.added.append(id)
                }
                self.kept[id] = newValue
            } else {
                let wasKept = self.kept.removeValue(forKey: id) != nil
                if isOriginal {
                    self.removed.insert(id)
                } else if wasKept {
                    self.added.removeAll { $0 == id }
                }
            }
        }
    }

    /// Whether there is one, without making it.
    func contains(_ id: Snowflake) -> Bool {
        if self.kept[id] != nil { return true }
        guard let origin, Part.ordinal(of: id, in: origin) != nil else { return false }
        return !self.removed.contains(id)
    }

    /// The one that the blueprint has at this place, unless it is gone.
    func original(_ ordinal: Int) -> Part? {
        guard let origin, ordinal >= 0, ordinal < Part.count(in: origin) else { return nil }
        let id = Part.id(ordinal, in: origin)
        if let part = self.kept[id] { return part }
        return self.removed.contains(id) ? nil : Part.make(ordinal, in: origin)
    }

    /// All ids: those of the blueprint in its order, then those that were added.
    var keys: [Snowflake] {
        var keys: [Snowflake] = []
        keys.reserveCapacity(self.count)
        if let origin {
            for ordinal in 0..<self.originalCount {
                let id = Part.id(ordinal, in: origin)
                if !self.removed.contains(id) { keys.append(id) }
            }
        }
        return keys + self.added
    }

    /// All of them, in the order of `keys`.
    var values: [Part] {
        var values: [Part] = []
        values.reserveCapacity(self.count)
        self.forEach { values.append($0) }
        return values
    }

    func forEach(_ body: (Part) -> Void) {
        if let origin {
            let isUntouched = self.kept.isEmpty && self.removed.isEmpty
            for ordinal in 0..<self.originalCount {
                if isUntouched {
                    body(Part.make(ordinal, in: origin))
                    continue
                }
                let id = Part.id(ordinal, in: origin)
                if let part = self.kept[id] {
                    body(part)
                } else if !self.removed.contains(id) {
                    body(Part.make(ordinal, in: origin))
                }
            }
        }
        for id in self.added { if let part = self.kept[id] { body(part) } }
    }
}

/// Ids of a guild's channels or threads, of which the world itself keeps what was changed.
struct OverlayIDs: Sendable, Sequence {
    private let origin: Blueprint.Origin?
    private let tag: Blueprint.Tag
    private var removed: Set<Snowflake> = []
    private(set) var added: [Snowflake] = []

    init(_ origin: Blueprint.Origin?, _ tag: Blueprint.Tag) {
        self.origin = origin
        self.tag = tag
    }

    private var originalCount: Int {
        guard let origin else { return 0 }
        return self.tag == .thread ? origin.threadCount : origin.channelCount
    }

    var count: Int { self.originalCount - self.removed.count + self.added.count }

    var all: [Snowflake] {
        guard let origin else { return self.added }
        let ids = (0..<self.originalCount).map { origin.blueprint.id(self.tag, $0, in: origin.guild) }
        return (self.removed.isEmpty ? ids : ids.filter { !self.removed.contains($0) }) + self.added
    }

    func makeIterator() -> IndexingIterator<[Snowflake]> { self.all.makeIterator() }

    func contains(_ id: Snowflake) -> Bool {
        if self.isOriginal(id) { return !self.removed.contains(id) }
        return self.added.contains(id)
    }

    mutating func append(_ id: Snowflake) {
        if self.isOriginal(id) { self.removed.remove(id) } else { self.added.append(id) }
    }

    mutating func remove(_ id: Snowflake) {
        if self.isOriginal(id) { self.removed.insert(id) } else { self.added.removeAll { $0 == id } }
    }

    private func isOriginal(_ id: Snowflake) -> Bool {
        guard let origin, let decoded = origin.blueprint.decode(id) else { return false }
        return decoded.guild == origin.guild && decoded.tag == self.tag && decoded.ordinal < self.originalCount
    }
}
