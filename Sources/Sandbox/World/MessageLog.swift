import DequeModule
import Discord

/// One channel's messages, oldest first. Past the bound the oldest are forgotten.
struct MessageLog: Sendable {
    private(set) var messages: Deque<Message> = []
    /// Recent nonces, for `enforce_nonce`: author and nonce → message.
    private var nonces: [NonceKey: Snowflake] = [:]

    struct NonceKey: Hashable, Sendable {
        let author: Snowflake
        let nonce: String
    }

    /// How many messages back a nonce is remembered.
    private static let nonceWindow = 200

    /// Returns the messages that fell out. Ids must grow.
    mutating func append(_ message: Message, limit: Int) -> [Message] {
        if let nonce = message.nonce, self.nonces.count < Self.nonceWindow * 2 {
            self.nonces[NonceKey(author: message.authorID, nonce: nonce.text)] = message.id
        }
        self.messages.append(message)
        if self.nonces.count >= Self.nonceWindow * 2 {
            let oldest = self.messages[max(0, self.messages.count - Self.nonceWindow)].id
            self.nonces = self.nonces.filter { $0.value >= oldest }
        }
        var forgotten: [Message] = []
        while self.messages.count > max(limit, 1) { forgotten.append(self.messages.removeFirst()) }
        return forgotten
    }

    func message(author: Snowflake, nonce: JSONValue) -> Message? {
        self.nonces[NonceKey(author: author, nonce: nonce.text)].flatMap { self[$0] }
    }

    subscript(id: Snowflake) -> Message? {
        get {
            let index = self.firstIndex(from: id)
            return index < self.messages.count && self.messages[index].id == id ? self.messages[index] : nil
        }
        set {
            let index = self.firstIndex(from: id)
            guard index < self.messages.count, self.messages[index].id == id else { return }
            if let newValue { self.messages[index] = newValue } else { self.messages.remove(at: index) }
        }
    }

    /// Changes a message in place; `false` when there is none of that id.
    @discardableResult
    mutating func update(_ id: Snowflake, _ change: (inout Message) -> Void) -> Bool {
        let index = self.firstIndex(from: id)
        guard index < self.messages.count, self.messages[index].id == id else { return false }
        change(&self.messages[index])
        return true
    }

    enum Page: Sendable, Equatable {
        case newest
        case before(Snowflake)
        case after(Snowflake)
        case around(Snowflake)
    }

    /// Newest first, as Discord lists them.
    func page(_ page: Page, limit: Int) -> [Message] {
        let count = self.messages.count
        let range: Range<Int>
        switch page {
        case .newest: range = max(0, count - limit)..<count
        case .before(let id):
            let end = self.firstIndex(from: id)
            range = max(0, end - limit)..<end
        case .after(let id):
            var start = self.firstIndex(from: id)
            if start < count, self.messages[start].id == id { start += 1 }
            range = start..<min(count, start + limit)
        case .around(let id):
            let middle = self.firstIndex(from: id)
            let start = max(0, middle - limit / 2)
            range = start..<min(count, start + limit)
        }
        return self.messages[range].reversed()
    }

    /// The first index whose id is not smaller.
    private func firstIndex(from id: Snowflake) -> Int {
        var low = 0
        var high = self.messages.count
        while low < high {
            let middle = (low + high) / 2
            if self.messages[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
