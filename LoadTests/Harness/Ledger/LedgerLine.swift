/// One line of the sandbox' ledger, as far as the checks need it.
package struct LedgerLine: Sendable, Equatable {
    package struct Identify: Sendable, Equatable {
        package var application: String
        /// nil for a person's session, which has no shard.
        package var shard: Int?
        package var numShards: Int?
        /// `ready`, `invalid_session`, `closed:4004`…
        package var outcome: String
        package var session: String?
        /// Session starts that are left.
        package var remaining: Int?
        package var connection: Int64?
    }

    package struct Resume: Sendable, Equatable {
        package var session: String
        package var sequence: Int64
        /// `resumed`, `invalid_session`, `closed:4007`…
        package var outcome: String
        package var connection: Int64?
    }

    package struct Dispatch: Sendable, Equatable {
        package var session: String
        package var sequence: Int64
        package var name: String
        package var guild: UInt64?
        /// FNV-1a of the bytes of `d`.
        package var hash: UInt64
    }

    package struct Disconnect: Sendable, Equatable {
        package var connection: Int64?
        package var session: String?
        package var reason: String
        /// The client has answered the sandbox' close frame: it knows the code.
        package var isAnswered = false
    }

    package enum Fact: Sendable, Equatable {
        case identify(Identify)
        case resume(Resume)
        case heartbeat(session: String?, sequence: Int64?)
        case dispatch(Dispatch)
        case sessionEnded(session: String, reason: String)
        case disconnected(Disconnect)
        /// As written.
        case fault(String)
        /// The sandbox could not keep up with writing.
        case dropped(lines: Int64)
        case other(kind: String)
    }

    /// Milliseconds since the Unix epoch.
    package var at: Int64
    /// Counts lines: what the sandbox did first has the lower number.
    package var number: Int64
    package var fact: Fact

    package init(at: Int64, number: Int64, fact: Fact) {
        self.at = at
        self.number = number
        self.fact = fact
    }

    /// - Parameter bytes: without the line feed.
    package init(_ bytes: UnsafeRawBufferPointer) throws(HarnessError) {
        do throws(JSONFields.Malformed) {
            var members = Members()
            try members.read(bytes)
            self = try members.line(of: bytes)
        } catch {
            let line = String(decoding: bytes.prefix(300), as: UTF8.self)
            throw HarnessError("a ledger line can't be read: \(error): \(line)")
        }
    }
}

/// The members that any kind of line has.
private struct Members {
    var at: Int64?
    var number: Int64?
    var kind = ""
    var session: String?
    /// `s` of a dispatch, `seq` of a heartbeat or a resume.
    var sequence: Int64?
    var name: String?
    var guild: UInt64?
    var hash: UInt64?
    var outcome: String?
    var reason: String?
    var application: String?
    var shard: Int?
    var numShards: Int?
    var lines: Int64?
    var remaining: Int?
    var connection: Int64?
    var isAnswered = false

    mutating func read(_ bytes: UnsafeRawBufferPointer) throws(JSONFields.Malformed) {
        var fields = try JSONFields(bytes)
        while let key = try fields.nextKey() {
            let value = try fields.value()
            if key.equals("at") {
                self.at = value.integer
            } else if key.equals("n") {
                self.number = value.integer
            } else if key.equals("kind") {
                self.kind = value.text ?? ""
            } else if key.equals("session") {
                self.session = value.text
            } else if key.equals("s") || key.equals("seq") {
                self.sequence = value.integer
            } else if key.equals("t") {
                self.name = value.text
            } else if key.equals("g") {
                self.guild = value.snowflake
            } else if key.equals("h") {
                self.hash = value.hexadecimal
            } else if key.equals("outcome") {
                self.outcome = value.text
            } else if key.equals("reason") {
                self.reason = value.written
            } else if key.equals("app") {
                self.application = value.text
            } else if key.equals("shard") {
                self.shard = value.integer.map { Int($0) }
            } else if key.equals("num_shards") {
                self.numShards = value.integer.map { Int($0) }
            } else if key.equals("lines") {
                self.lines = value.integer
            } else if key.equals("remaining") {
                self.remaining = value.integer.map { Int($0) }
            } else if key.equals("conn") {
                self.connection = value.integer
            } else if key.equals("answered") {
                self.isAnswered = value.written == "true"
            }
        }
    }

    func line(of bytes: UnsafeRawBufferPointer) throws(JSONFields.Malformed) -> LedgerLine {
        LedgerLine(
            at: try Self.need(self.at, "at"), number: try Self.need(self.number, "n"), fact: try self.fact(of: bytes))
    }

    private func fact(of bytes: UnsafeRawBufferPointer) throws(JSONFields.Malformed) -> LedgerLine.Fact {
        switch self.kind {
        case "identify":
            .identify(
                .init(
                    application: self.application ?? "", shard: self.shard, numShards: self.numShards,
                    outcome: try Self.need(self.outcome, "outcome"), session: self.session, remaining: self.remaining,
                    connection: self.connection))
        case "resume":
            .resume(
                .init(
                    session: try Self.need(self.session, "session"), sequence: try Self.need(self.sequence, "seq"),
                    outcome: try Self.need(self.outcome, "outcome"), connection: self.connection))
        case "heartbeat": .heartbeat(session: self.session, sequence: self.sequence)
        case "dispatch":
            .dispatch(
                .init(
                    session: try Self.need(self.session, "session"), sequence: try Self.need(self.sequence, "s"),
                    name: try Self.need(self.name, "t"), guild: self.guild, hash: try Self.need(self.hash, "h")))
        case "session_ended":
            .sessionEnded(session: try Self.need(self.session, "session"), reason: self.reason ?? "")
        case "disconnected":
            .disconnected(
                .init(
                    connection: self.connection, session: self.session, reason: self.reason ?? "",
                    isAnswered: self.isAnswered))
        case "fault": .fault(String(decoding: bytes, as: UTF8.self))
        case "dropped": .dropped(lines: self.lines ?? 1)
        default: .other(kind: self.kind)
        }
    }

    private static func need<Value>(_ value: Value?, _ name: String) throws(JSONFields.Malformed) -> Value {
        guard let value else { throw JSONFields.Malformed(description: "no usable \"\(name)\"") }
        return value
    }
}
