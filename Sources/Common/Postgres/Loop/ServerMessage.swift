/// What the server or libpq said, turned into an error.
struct ServerMessage {
    let error: PostgresError

    /// A statement failed.
    init(sqlState: String, text: String, constraint: String?) {
        let code: PostgresError.Code = Self.endsConnection(sqlState) ? .connectionLost : .server
        // Class 22, data exceptions, quotes the value; the other classes quote names.
        let message = sqlState.hasPrefix("22") ? Self.withoutQuotedText(text) : text
        self.error = PostgresError(code, Self.oneLine(message), sqlState: sqlState, constraint: constraint)
    }

    /// A connection was not made. libpq gives text only; in verbose form it holds `FATAL:  28P01: password …`.
    init(connecting text: String) {
        var sqlState: String?
        var kept = text
        if let range = text.firstRange(of: #/:\s+([0-9A-Z]{3}[0-9]{2}):\s/#) {
            let found = text[range].filter { $0.isNumber || $0.isUppercase }
            sqlState = String(found)
            kept = text.replacingCharacters(in: range, with: ": ")
        }
        if let location = kept.range(ofFirst: "LOCATION:") { kept = String(kept[..<location]) }
        let refused = sqlState.map { $0.hasPrefix("28") || $0 == "3D000" } ?? false
        self.error = PostgresError(
            refused ? .connectionRefusedByServer : .connectFailed, Self.oneLine(kept), sqlState: sqlState
        )
    }

    /// The server closes the connection after these: shutdown, crash, dropped database.
    private static func endsConnection(_ sqlState: String) -> Bool {
        sqlState.hasPrefix("08") || ["57P01", "57P02", "57P03", "57P04", "57P05"].contains(sqlState)
    }

    /// From the first double quote to the last.
    private static func withoutQuotedText(_ text: String) -> String {
        guard let first = text.firstIndex(of: "\""), let last = text.lastIndex(of: "\""), first < last else {
            return text
        }
        return text[..<first] + "\"…\"" + text[text.index(after: last)...]
    }

    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}

extension String {
    fileprivate func replacingCharacters(in range: Range<String.Index>, with text: String) -> String {
        var copy = self
        copy.replaceSubrange(range, with: text)
        return copy
    }

    fileprivate func range(ofFirst text: String) -> String.Index? { self.firstRange(of: text)?.lowerBound }
}
