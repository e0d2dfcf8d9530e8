import Foundation

/// `500ms`, `30s`, `5m`, `1h`, or a bare number of seconds; nil for anything else.
package func parseDuration(_ text: String) -> Duration? {
    let units: [(suffix: String, milliseconds: Double)] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)]
    let unit = units.first { text.hasSuffix($0.suffix) } ?? ("", 1000)
    guard let number = Double(text.dropLast(unit.suffix.count)), number.isFinite, number >= 0, number < 1e12 else {
        return nil
    }
    return .milliseconds(Int64(number * unit.milliseconds))
}

/// The text of a file without white space around it; nil when it can't be read.
func readTextFile(_ path: String) -> String? {
    // The caller tells the path and what is expected; the cause adds nothing.
    (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
}

/// Levenshtein's distance, for suggestions.
package func editDistance(_ first: String, _ second: String) -> Int {
    let second = Array(second)
    var row = Array(0...second.count)
    for (index, character) in first.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for column in second.indices {
            let substitution = diagonal + (second[column] == character ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(substitution, row[column + 1] + 1, row[column] + 1)
        }
    }
    return row[second.count]
}
