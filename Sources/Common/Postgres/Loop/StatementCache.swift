/// The prepared statements of one connection; the least recently used one gives way.
struct StatementCache {
    /// The same text with other parameter types is another statement.
    struct Key: Hashable {
        let text: String
        let types: [PostgresType]
    }

    struct Statement {
        /// On the server.
        let name: String
        /// From its first result; a statement whose columns change fails with 0A000 and is prepared anew.
        var columns: PostgresColumns?
        fileprivate var lastUse: UInt64
    }

    enum Lookup: Equatable {
        case prepared(name: String, columns: PostgresColumns?)
        /// To be prepared under `name`; `evicted` names a statement to deallocate.
        case prepare(name: String, evicted: String?)

        static func == (a: Lookup, b: Lookup) -> Bool {
            switch (a, b) {
            case (.prepared(let a, let columns), .prepared(let b, let others)): a == b && columns === others
            case (.prepare(let a, let evicted), .prepare(let b, let other)): a == b && evicted == other
            default: false
            }
        }
    }

    private var statements: [Key: Statement] = [:]
    private let capacity: Int
    private var uses: UInt64 = 0
    private var names: UInt64 = 0

    init(capacity: Int) { self.capacity = max(1, capacity) }

    var count: Int { self.statements.count }

    /// Counts as a use; what is missing is taken to be prepared from now on.
    mutating func use(_ key: Key) -> Lookup {
        self.uses += 1
        if let index = self.statements.index(forKey: key) {
            self.statements.values[index].lastUse = self.uses
            let statement = self.statements.values[index]
            return .prepared(name: statement.name, columns: statement.columns)
        }
        var evicted: String?
        if self.statements.count >= self.capacity,
            let oldest = self.statements.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            evicted = oldest.value.name
            self.statements.removeValue(forKey: oldest.key)
        }
        self.names += 1
        let name = "s\(self.names)"
        self.statements[key] = Statement(name: name, columns: nil, lastUse: self.uses)
        return .prepare(name: name, evicted: evicted)
    }

    mutating func learn(_ columns: PostgresColumns, of key: Key, name: String) {
        guard self.statements[key]?.name == name else { return }
        self.statements[key]?.columns = columns
    }

    /// The server does not have it, or has it in a stale form. Does nothing when it was prepared anew under another
    /// name.
    mutating func forget(_ key: Key, name: String) {
        guard self.statements[key]?.name == name else { return }
        self.statements.removeValue(forKey: key)
    }
}
