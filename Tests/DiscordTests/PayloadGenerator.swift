import TestSupport

/// Makes gateway payloads of every odd shape from a seed.
struct PayloadGenerator {
    private var random: SeededGenerator

    init(seed: UInt64) { self.random = SeededGenerator(seed: seed) }

    mutating func next() -> UInt64 { self.random.next() }
    mutating func below(_ bound: Int) -> Int { Int(self.next() % UInt64(bound)) }
    mutating func chance(_ percent: Int) -> Bool { self.below(100) < percent }
    mutating func pick<T>(_ items: [T]) -> T { items[self.below(items.count)] }

    mutating func space() -> String { self.chance(80) ? "" : self.pick([" ", "\n", "\t ", "\r\n", "     "]) }

    /// A key or word as a JSON string, sometimes with its letters escaped.
    mutating func quoted(_ word: String) -> String {
        guard self.chance(10) else { return "\"\(word)\"" }
        let characters = word.unicodeScalars.map { scalar -> String in
            guard self.chance(40) else { return String(scalar) }
            let hex = String(scalar.value, radix: 16)
            return "\\u" + String(repeating: "0", count: 4 - hex.count) + (self.chance(50) ? hex : hex.uppercased())
        }
        return "\"\(characters.joined())\""
    }

    mutating func text() -> String {
        let pieces = [
            "a", "hello world, this is a longer piece of plain text", "é", "日本語", "😀", "\\\"", "\\\\", "\\/", "\\n",
            "\\u0000",
            "\\ud83d", "\\udc00x", "\\uD83D\\uDE00", "guild_id", "\\\"guild_id\\\":\\\"1\\\"", "}", "]", "{", ",", ":",
            "'",
        ]
        return "\"" + (0..<self.below(8)).map { _ in self.pick(pieces) }.joined() + "\""
    }

    mutating func number() -> String {
        self.pick([
            "0", "-0", "1", "12.5", "-3e10", "1E+5", "2e-7", "18446744073709551615", "18446744073709551616",
            "9999999999999999999999999",
            "123456789012345678", "0.000001",
        ])
    }

    mutating func idValue() -> String {
        switch self.below(10) {
        case 0: "null"
        case 1: self.number()
        case 2:
            self.pick(["\"\"", "\"abc\"", "\"-1\"", "\"99999999999999999999999\"", "{}", "[1]", "true", "\"1\\u0032\""])
        case 3: String(self.next())
        default: self.quoted(String(self.next()))
        }
    }

    mutating func value(depth: Int) -> String {
        switch self.below(depth > 4 ? 5 : 8) {
        case 0: return self.pick(["null", "true", "false"])
        case 1: return self.number()
        case 2, 3, 4: return self.text()
        case 5:
            let items = (0..<self.below(4)).map { _ in self.space() + self.value(depth: depth + 1) + self.space() }
            return "[" + self.space() + items.joined(separator: ",") + "]"
        default: return self.object(self.members(depth: depth + 1))
        }
    }

    mutating func object(_ members: [String]) -> String {
        "{" + self.space() + members.joined(separator: ",") + "}"
    }

    mutating func member(_ key: String, _ value: String) -> String {
        self.space() + key + self.space() + ":" + self.space() + value + self.space()
    }

    mutating func members(depth: Int) -> [String] {
        (0..<self.below(6)).map { _ in
            let name = self.pick([
                "guild_id", "channel_id", "id", "content", "op", "t", "s", "d", "x", "guild_i", "guild_idd", "",
            ])
            let key = self.chance(70) ? self.quoted(name) : self.text()
            let isID = name.hasSuffix("id")
            return self.member(key, isID ? self.idValue() : self.value(depth: depth))
        }
    }

    mutating func payload() -> String {
        let name = self.pick([
            "MESSAGE_CREATE", "GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE", "GUILD_ROLE_XX", "READY", "TYPING_START",
        ])
        var members = [self.member(self.quoted("op"), String(self.below(12)))]
        if self.chance(90) {
            members.append(self.member(self.quoted("t"), self.chance(90) ? self.quoted(name) : "null"))
        }
        if self.chance(90) {
            members.append(self.member(self.quoted("s"), self.chance(80) ? String(self.below(100_000)) : "null"))
        }
        for _ in 0..<(self.chance(90) ? 1 : self.below(3)) {
            let data = self.chance(85) ? self.object(self.members(depth: 1)) : self.value(depth: 1)
            members.append(self.member(self.quoted("d"), data))
        }
        if self.chance(20) { members.append(self.member(self.text(), self.value(depth: 1))) }
        if self.chance(10) { members.append(self.member(self.quoted("op"), String(self.below(12)))) }
        for index in members.indices.reversed() { members.swapAt(index, self.below(index + 1)) }
        return self.space() + self.object(members) + self.space()
    }
}
