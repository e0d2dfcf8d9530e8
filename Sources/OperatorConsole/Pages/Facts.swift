/// Names and values below each other.
struct Facts {
    private var pairs: [(name: String, value: String)] = []

    /// - Parameter value: fit for the terminal; nil leaves the line out.
    mutating func add(_ name: String, _ value: String?) {
        if let value { self.pairs.append((name, value)) }
    }

    func lines(paint: Paint) -> [String] {
        let width = self.pairs.reduce(0) { max($0, $1.name.displayWidth) }
        return self.pairs.map { name, value in
            "\(paint(name, .faint))\(String(repeating: " ", count: width - name.displayWidth))  \(value)"
        }
    }
}
