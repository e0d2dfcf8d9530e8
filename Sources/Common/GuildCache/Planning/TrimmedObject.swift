import Discord

/// An object without some of its members, as pieces of what was sent.
struct TrimmedObject {
    private var runs: [Range<Int>] = []
    private var leavesOut = false
    private var extends = false

    /// The next member is left out, unless `keep` follows.
    mutating func leaveOut() {
        if self.leavesOut { self.extends = false }
        self.leavesOut = true
    }

    mutating func keep(_ key: JSONSlice.Key, _ value: JSONSlice) {
        // Of members that follow each other the text between is kept as well.
        if let last = self.runs.indices.last, self.extends {
            self.runs[last] = self.runs[last].lowerBound..<value.range.upperBound
        } else {
            self.runs.append(key.range.lowerBound..<value.range.upperBound)
        }
        self.leavesOut = false
        self.extends = true
    }

    var value: CacheValue {
        if self.runs.isEmpty { return .pieces([.text("{}")]) }
        var pieces: [CacheValue.Piece] = [.text("{")]
        for (index, run) in self.runs.enumerated() {
            if index > 0 { pieces.append(.text(",")) }
            pieces.append(.slice(run))
        }
        pieces.append(.text("}"))
        return .pieces(pieces)
    }
}
