import ClusterAPI
import Foundation
import Runtime

/// Operators by name: lines `name role token`. Empty lines, and lines that begin with `#`, say nothing.
enum OperatorsFile {
    /// What is wrong, by line. Nothing of a line is in it: any part of a bad one may be the token.
    struct Mistakes: Error, CustomStringConvertible {
        let description: String
    }

    static let mostBytes = 1 << 20
    static let mostOperators = 1_000
    static let tokenLength = 16...512
    static let expected = "the path of a file of lines \"name role token\""
    /// The name of the one whose token is a setting, and of what the coordinator does of itself.
    static let takenNames: Set<String> = ["operator", "coordinator"]

    /// - Parameter taken: tokens that are somebody else's.
    static func read(_ path: String, taken: [Secret]) throws(Mistakes) -> [Operator] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw Mistakes(description: "it can't be read")
        }
        guard data.count <= Self.mostBytes else { throw Mistakes(description: "it is larger than 1 MiB") }
        guard let text = String(data: data, encoding: .utf8) else { throw Mistakes(description: "it is not UTF-8") }
        return try Self.parse(text, taken: taken)
    }

    static func parse(_ text: String, taken: [Secret]) throws(Mistakes) -> [Operator] {
        var operators: [Operator] = []
        var names = Self.takenNames
        var tokens = Set(taken)
        var mistakes: [String] = []
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard let first = fields.first, !first.hasPrefix("#") else { continue }
            func wrong(_ expected: String) { mistakes.append("line \(index + 1): \(expected)") }
            guard fields.count == 3 else {
                wrong("name, role and token are expected, with spaces between")
                continue
            }
            let (name, token) = (String(first), Secret(String(fields[2])))
            if !MemberRegistration.isValid(id: name) {
                wrong("the name is expected to be 1 to 64 letters, digits, dots, underscores or hyphens")
            } else if !names.insert(name).inserted {
                wrong("a name that no other line has is expected, and not \"operator\" or \"coordinator\"")
            }
            let role = OperatorRole(rawValue: String(fields[1]))
            if role == nil { wrong("the role is expected to be view or operate") }
            if !Self.tokenLength.contains(fields[2].utf8.count)
                || !fields[2].utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            {
                wrong("the token is expected to be 16 to 512 visible ASCII characters")
            } else if !tokens.insert(token).inserted {
                wrong("a token that nobody else has is expected")
            }
            if let role { operators.append(Operator(name: name, role: role, token: token)) }
        }
        if operators.count > Self.mostOperators { mistakes.append("at most 1000 operators are expected") }
        guard mistakes.isEmpty else {
            let more = mistakes.count > 10 ? "; and \(mistakes.count - 10) more" : ""
            throw Mistakes(description: mistakes.prefix(10).joined(separator: "; ") + more)
        }
        return operators
    }
}
