/// Rows with aligned columns, without lines between them.
package struct TextTable: Sendable {
    package struct Column: Sendable {
        package enum Alignment: Sendable { case left, right }

        let title: String
        let alignment: Alignment
        /// Gives way first where the terminal is too narrow.
        let isFlexible: Bool

        package init(_ title: String, _ alignment: Alignment = .left, isFlexible: Bool = false) {
            self.title = title
            self.alignment = alignment
            self.isFlexible = isFlexible
        }
    }

    package struct Cell: Sendable, ExpressibleByStringInterpolation {
        /// Harmless on a terminal.
        let text: String
        let style: TextStyle?

        package init(_ text: String, _ style: TextStyle? = nil) {
            self.text = HarmlessText.of(text)
            self.style = style
        }

        package init(stringLiteral text: String) { self.init(text) }

        /// A dash for what is not there.
        package init(optional text: String?, _ style: TextStyle? = nil) {
            self.init(text ?? "–", text == nil ? .faint : style)
        }
    }

    private static let gap = "  "
    /// A flexible column keeps so much as long as others can give way.
    private static let leastWidth = 6

    private let columns: [Column]
    private(set) var rows: [[Cell]] = []

    package init(_ columns: [Column]) { self.columns = columns }

    package var isEmpty: Bool { self.rows.isEmpty }

    /// - Parameter cells: as many as there are columns; missing ones are empty.
    package mutating func add(_ cells: [Cell]) { self.rows.append(cells) }

    /// The titles and the rows.
    ///
    /// - Parameter width: how many columns of the terminal there are; nil: as many as it takes.
    package func lines(width: Int?, paint: Paint) -> [String] {
        let widths = self.widths(within: width)
        let titles = self.columns.map { Cell($0.title, .faint) }
        return ([titles] + self.rows).map { self.line($0, widths, paint) }
    }

    private func widths(within limit: Int?) -> [Int] {
        var widths = self.columns.indices.map { index in
            self.rows.reduce(self.columns[index].title.displayWidth) { most, row in
                index < row.count ? max(most, row[index].text.displayWidth) : most
            }
        }
        guard let limit else { return widths }
        let gaps = Self.gap.count * max(0, widths.count - 1)
        var excess = widths.reduce(gaps, +) - max(limit, 1)
        while excess > 0 {
            let flexible = self.columns.indices.filter { self.columns[$0].isFlexible && widths[$0] > Self.leastWidth }
            guard let widest = flexible.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        guard excess > 0 else { return widths }
        // The last columns are cut off.
        var left = max(limit, 1)
        for index in widths.indices {
            widths[index] = min(widths[index], max(0, left))
            left -= widths[index] + Self.gap.count
        }
        return widths
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ paint: Paint) -> String {
        var parts: [(text: String, style: TextStyle?)] = []
        for (index, width) in widths.enumerated() where width > 0 {
            let cell = index < cells.count ? cells[index] : Cell("")
            let text = cell.text.cut(to: width)
            let padding = String(repeating: " ", count: width - text.displayWidth)
            let isLeft = self.columns[index].alignment == .left
            if isLeft {
                parts.append((text, cell.style))
                parts.append((padding + Self.gap, nil))
            } else {
                parts.append((padding, nil))
                parts.append((text, cell.style))
                parts.append((Self.gap, nil))
            }
        }
        // Nothing is written after the last text.
        while let last = parts.last, last.text.allSatisfy({ $0 == " " }) { parts.removeLast() }
        return parts.map { paint($0.text, $0.style) }.joined()
    }
}
