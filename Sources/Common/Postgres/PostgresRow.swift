/// One row of a result. It keeps the whole result in memory.
package struct PostgresRow: Sendable {
    let storage: PostgresResult.Storage
    let index: Int

    package var columns: PostgresColumns { self.storage.columns }

    /// The value of the first column of that name.
    /// - Throws: `.decodingFailed` naming the column, the type found and those expected; null is one too, unless
    ///   `Value` is optional.
    package func decode<Value: PostgresDecodable>(
        _ type: Value.Type,
        _ name: String
    ) throws(PostgresError) -> Value {
        guard let column = self.columns.index(of: name) else {
            let names = self.columns.all.map(\.name).joined(separator: ", ")
            throw PostgresError(.decodingFailed, "no column \"\(name)\" in the result, which has: \(names)")
        }
        return try self.value(type, column)
    }

    /// The value of a column by its place, from 0.
    package func decode<Value: PostgresDecodable>(
        _ type: Value.Type,
        at column: Int
    ) throws(PostgresError) -> Value {
        guard self.columns.all.indices.contains(column) else {
            throw PostgresError(.decodingFailed, "no column \(column): the result has \(self.columns.all.count)")
        }
        return try self.value(type, column)
    }

    private func value<Value: PostgresDecodable>(
        _ type: Value.Type,
        _ column: Int
    ) throws(PostgresError) -> Value {
        let place = self.index * self.columns.all.count + column
        guard self.index >= 0, self.storage.cells.indices.contains(place) else {
            throw PostgresError(.decodingFailed, "no row \(self.index): the result has \(self.storage.rowCount)")
        }
        let cell = self.storage.cells[place]
        let found = self.columns.all[column]
        if cell.length < 0 {
            guard let null = Value.valueForNull else {
                throw PostgresError(
                    .decodingFailed,
                    "column \"\(found.name)\" (\(found.type)) is null; expected \(Value.expectedTypes)"
                )
            }
            return null
        }
        do throws(PostgresValueProblem) {
            let bytes = self.storage.bytes[cell.offset..<cell.offset + cell.length]
            return try Value(postgres: bytes, type: found.type)
        } catch {
            let what =
                switch error {
                case .otherType: "is \(found.type)"
                case .malformed(let reason): "(\(found.type)) is malformed: \(reason)"
                }
            throw PostgresError(.decodingFailed, "column \"\(found.name)\" \(what); expected \(Value.expectedTypes)")
        }
    }
}
