import Foundation
import Logging

struct LogLine {
    let level: Logger.Level
    let message: String
    let label: String
    let facts: [String: String]

    func rendered(as format: LogFormat, at date: Date) -> String {
        switch format {
        case .json: self.json(at: date)
        case .text: self.text(at: date)
        }
    }

    private func json(at date: Date) -> String {
        var line = "{\"ts\":\"\(timestamp(date))\",\"level\":\"\(self.level.rawValue)\",\"msg\":"
        appendJSONString(self.message, to: &line)
        line += ",\"logger\":"
        appendJSONString(self.label, to: &line)
        for (key, value) in self.facts.sorted(by: { $0.key < $1.key }) {
            line += ","
            appendJSONString(key, to: &line)
            line += ":"
            appendJSONString(value, to: &line)
        }
        return line + "}\n"
    }

    private func text(at date: Date) -> String {
        let facts = self.facts.sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
        // A peer's text in a fact must not start a line of its own.
        let line = "\(timestamp(date)) \(self.level.rawValue.uppercased()) \(self.label): \(self.message)\(facts)"
        return line.replacing("\n", with: "\\n") + "\n"
    }

    private func timestamp(_ date: Date) -> String {
        date.formatted(
            .iso8601.year().month().day().time(includingFractionalSeconds: true).timeZone(separator: .omitted))
    }
}

/// Appends a JSON string literal.
func appendJSONString(_ text: String, to line: inout String) {
    line += "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": line += "\\\""
        case "\\": line += "\\\\"
        case "\n": line += "\\n"
        case "\r": line += "\\r"
        case "\t": line += "\\t"
        case _ where scalar.value < 0x20:
            let digits = String(scalar.value, radix: 16)
            line += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: line.unicodeScalars.append(scalar)
        }
    }
    line += "\""
}
