/// The columns of a result, in order.
package final class PostgresColumns: Sendable {
    package struct Column: Sendable, Equatable {
        package let name: String
        package let type: PostgresType
    }

    package let all: [Column]
    private let indexes: [String: Int]

    init(_ all: [Column]) {
        self.all = all
        self.indexes = Dictionary(all.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The first column of that name.
    func index(of name: String) -> Int? { self.indexes[name] }

    static let none = PostgresColumns([])
}

/// The answer to one statement.
package struct PostgresResult: Sendable {
    /// All values in one buffer, shared by the rows.
    final class Storage: Sendable {
        struct Cell: Sendable {
            let offset: Int
            /// Negative for null.
            let length: Int
        }

        let columns: PostgresColumns
        let rowCount: Int
        let cells: [Cell]
        let bytes: [UInt8]

        init(columns: PostgresColumns, rowCount: Int, cells: [Cell], bytes: [UInt8]) {
            self.columns = columns
            self.rowCount = rowCount
            self.cells = cells
            self.bytes = bytes
        }

        static let empty = Storage(columns: .none, rowCount: 0, cells: [], bytes: [])
    }

    let storage: Storage
    /// Such as `INSERT 0 1`.
    package let commandTag: String
    /// Rows inserted, updated, deleted or selected; 0 for other statements.
    package let affectedRows: Int

    package var columns: PostgresColumns { self.storage.columns }
    package var count: Int { self.storage.rowCount }
    package var first: PostgresRow? { self.count > 0 ? PostgresRow(storage: self.storage, index: 0) : nil }
    package var rows: [PostgresRow] { (0..<self.count).map { PostgresRow(storage: self.storage, index: $0) } }
}
