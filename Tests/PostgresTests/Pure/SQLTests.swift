import Testing

@testable import Postgres

@Suite("SQL interpolation")
struct SQLTests {
    @Test func `A value becomes a numbered parameter`() {
        let name = "'; drop table guild; --"
        let sql: SQL = "select * from guild where id = \(7) and name = \(name)"
        #expect(sql.text == "select * from guild where id = $1 and name = $2")
        #expect(sql.parameters.types == [.int8, .text])
    }

    @Test func `A plain literal has no parameters`() {
        let sql: SQL = "select 1"
        #expect(sql.text == "select 1")
        #expect(sql.parameters.count == 0)
    }

    @Test func `Nil is a typed null`() {
        let missing: Int64? = nil
        let sql: SQL = "select \(missing)"
        #expect(sql.parameters.types == [.int8])
        #expect(sql.parameters.nulls == [true])
    }

    @Test(arguments: [
        ("guild", "\"guild\""), ("a\"b", "\"a\"\"b\""), ("a.b", "\"a.b\""), ("", "\"\""), ("x\0y", "\"xy\""),
        ("\"; drop table t; --", "\"\"\"; drop table t; --\""),
    ])
    func `An identifier is quoted`(name: String, quoted: String) {
        let sql: SQL = "select * from \(unsafeIdentifier: name)"
        #expect(sql.text == "select * from \(quoted)")
        #expect(sql.parameters.count == 0)
    }

    @Test func `A fragment's parameters are renumbered`() {
        let condition: SQL = "id = \(1) or name = \("x")"
        let nested: SQL = "(\(condition)) and note = '$1 and \(unsafeIdentifier: "q")'"
        let sql: SQL = "select \(true) where \(nested) limit \(9)"
        #expect(sql.text == "select $1 where (id = $2 or name = $3) and note = '$1 and \"q\"' limit $4")
        #expect(sql.parameters.types == [.bool, .int8, .text, .int8])
        let last = sql.parameters.bytes[sql.parameters.range(of: 3)]
        #expect(Array(last) == [0, 0, 0, 0, 0, 0, 0, 9])
    }

    @Test func `A value that can not be sent is remembered, without the value`() {
        let sql: SQL = "select \(1), \("secret\0")"
        #expect(sql.parameters.problem == "parameter $2: PostgreSQL's text holds no NUL characters")
        #expect(sql.parameters.range(of: 1).isEmpty)
    }
}
