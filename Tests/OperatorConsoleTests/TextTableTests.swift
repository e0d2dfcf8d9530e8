import Testing

@testable import OperatorConsole

@Suite("Tables")
struct TextTableTests {
    private let plain = Paint(isOn: false)

    private func table(_ rows: [[TextTable.Cell]]) -> TextTable {
        var table = TextTable([.init("NAME", isFlexible: true), .init("SLOTS", .right), .init("STATE")])
        for row in rows { table.add(row) }
        return table
    }

    @Test func `Columns are as wide as their widest text, numbers to the right`() {
        let table = self.table([["shard-0", "12", "alive"], ["s", "1,000", ""]])
        #expect(
            table.lines(width: nil, paint: self.plain) == [
                "NAME     SLOTS  STATE",
                "shard-0     12  alive",
                "s        1,000",
            ])
    }

    @Test func `A table without rows is its titles`() {
        let table = self.table([])
        #expect(table.isEmpty && table.lines(width: nil, paint: self.plain) == ["NAME  SLOTS  STATE"])
    }

    @Test func `Wide characters take two columns, marks none`() {
        let table = self.table([["漢字", "1", "a"], ["e\u{301}é", "2", "b"], ["👩‍🚀", "3", "c"]])
        let lines = table.lines(width: nil, paint: self.plain)
        #expect(lines[1] == "漢字      1  a")
        #expect(lines[2] == "e\u{301}é        2  b")
        #expect(lines[3] == "👩‍🚀        3  c")
    }

    @Test(arguments: [1, 2, 8, 15, 20, 30, 100])
    func `No line is wider than the terminal`(width: Int) {
        let table = self.table([["a-long-name-of-a-member-漢字漢字", "123,456", "alive, cordoned"], ["b", "1", "x"]])
        for line in table.lines(width: width, paint: self.plain) {
            #expect(line.displayWidth <= width, "\(line)")
        }
    }

    @Test func `The flexible column gives way, and says so`() {
        let table = self.table([["a-long-name-of-a-member", "1", "alive"]])
        #expect(table.lines(width: 24, paint: self.plain)[1] == "a-long-na…      1  alive")
    }

    @Test func `A row that lacks cells, or has too many, harms nothing`() {
        let lines = self.table([["a"], ["b", "1", "c", "d"]]).lines(width: nil, paint: self.plain)
        #expect(lines == ["NAME  SLOTS  STATE", "a", "b         1  c"])
    }

    @Test func `Colours are put around texts, not around the space between them`() {
        var table = TextTable([.init("A"), .init("B")])
        table.add([.init("x", .good), .init("y")])
        let lines = table.lines(width: nil, paint: Paint(isOn: true))
        #expect(lines[1] == "\u{1B}[32mx\u{1B}[0m  y")
    }

    @Test func `A cell can't reach the terminal`() {
        var table = TextTable([.init("A")])
        table.add([.init("\u{1B}[31mred\nline")])
        #expect(table.lines(width: nil, paint: self.plain)[1] == #"\u{1B}[31mred\u{A}line"#)
    }

    @Test(arguments: [
        ("abc", 3, "abc"), ("abcd", 3, "ab…"), ("漢字漢", 4, "漢…"), ("漢字", 4, "漢字"), ("abc", 1, "…"), ("abc", 0, ""),
    ])
    func `Text is cut at whole characters`(text: String, width: Int, expected: String) {
        #expect(text.cut(to: width) == expected)
    }
}
