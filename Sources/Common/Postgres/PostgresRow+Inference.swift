extension PostgresRow {
    /// The value of the first column of that name, as the type that the caller expects.
    package func decode<Value: PostgresDecodable>(_ name: String) throws(PostgresError) -> Value {
        try self.decode(Value.self, name)
    }
}
