/// What one check found.
package struct Verdict: Sendable, Codable, Equatable, CustomStringConvertible {
    package let name: String
    /// How many facts were looked at: a check that looked at nothing has shown nothing.
    package let checked: Int
    package let violationCount: Int
    /// The first ones, in the order they were met.
    package let violations: [String]
    /// Figures that belong to it, such as what was excused and why.
    package let figures: [String: Int]

    package var holds: Bool { self.violationCount == 0 }

    package var description: String {
        let figures = self.figures.filter { $0.value != 0 }.sorted { $0.key < $1.key }
            .map { ", \($0.key) \($0.value)" }.joined()
        let head = "\(self.holds ? "holds " : "BROKEN") \(self.name): \(self.checked) checked\(figures)"
        guard !self.holds else { return head }
        return ([head + ", \(self.violationCount) violations"] + self.violations.map { "    \($0)" })
            .joined(separator: "\n")
    }
}

/// Collects what one check finds.
struct Findings {
    private static let most = 12

    let name: String
    var checked = 0
    var figures: [String: Int] = [:]
    private var count = 0
    private var first: [String] = []

    init(_ name: String) { self.name = name }

    mutating func violated(_ what: @autoclosure () -> String) {
        self.count += 1
        if self.first.count < Self.most { self.first.append(what()) }
    }

    mutating func count(_ figure: String, by amount: Int = 1) { self.figures[figure, default: 0] += amount }

    var verdict: Verdict {
        Verdict(
            name: self.name, checked: self.checked, violationCount: self.count, violations: self.first,
            figures: self.figures)
    }
}
