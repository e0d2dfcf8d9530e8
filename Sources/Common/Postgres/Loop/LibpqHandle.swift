import CPostgres
import Glibc

/// Owns one libpq connection. Only the loop's thread has it; nothing here blocks, and no pointer leaves.
final class LibpqHandle {
    private let connection: OpaquePointer

    /// Begins to connect; go on with `continueConnecting` when the socket is ready.
    init(connecting options: [(keyword: String, value: String)]) throws(PostgresError) {
        let started = withCStrings(options.map(\.keyword)) { keywords in
            withCStrings(options.map(\.value)) { values in PQconnectStartParams(keywords, values, 0) }
        }
        guard let connection = started else {
            throw PostgresError(.connectFailed, "no memory for a connection")
        }
        self.connection = connection
        flotilla_pq_ignore_notices(connection)
        // The only way to learn the SQLSTATE of a refused connection.
        PQsetErrorVerbosity(connection, PQERRORS_VERBOSE)
        guard PQstatus(connection) != CONNECTION_BAD else {
            throw ServerMessage(connecting: self.errorMessage).error
        }
    }

    deinit { PQfinish(self.connection) }

    enum ConnectProgress {
        case wantsToRead, wantsToWrite, connected
        case failed(PostgresError)
    }

    func continueConnecting() -> ConnectProgress {
        switch PQconnectPoll(self.connection) {
        case PGRES_POLLING_OK:
            PQsetErrorVerbosity(self.connection, PQERRORS_DEFAULT)
            guard PQsetnonblocking(self.connection, 1) == 0, PQenterPipelineMode(self.connection) == 1 else {
                return .failed(PostgresError(.connectFailed, self.errorMessage))
            }
            return .connected
        case PGRES_POLLING_READING: return .wantsToRead
        case PGRES_POLLING_WRITING: return .wantsToWrite
        default: return .failed(ServerMessage(connecting: self.errorMessage).error)
        }
    }

    /// May be another one after each step of connecting; negative when there is none.
    var socket: Int32 { PQsocket(self.connection) }

    /// Reads what has come. `false`: the connection is broken; results read before may still be there.
    func consumeInput() -> Bool { PQconsumeInput(self.connection) == 1 }

    /// `true`: asking for a result now would block.
    var isBusy: Bool { PQisBusy(self.connection) == 1 }

    var isBroken: Bool { PQstatus(self.connection) == CONNECTION_BAD }

    enum Flush { case done, pending, broken }

    func flush() -> Flush {
        switch PQflush(self.connection) {
        case 0: .done
        case 1: .pending
        default: .broken
        }
    }

    /// No transaction is open, and no statement is under way.
    var isIdle: Bool { PQtransactionStatus(self.connection) == PQTRANS_IDLE }

    var errorMessage: String { ServerMessage.oneLine(String(cString: PQerrorMessage(self.connection))) }

    // Sending: each returns `false` when the connection is broken.

    func sendPrepare(_ name: String, _ text: String, _ types: [PostgresType]) -> Bool {
        types.withUnsafeBufferPointer { types in
            types.withMemoryRebound(to: Oid.self) {
                PQsendPrepare(self.connection, name, text, Int32($0.count), $0.baseAddress) == 1
            }
        }
    }

    func sendExecute(_ name: String, _ parameters: PostgresParameters) -> Bool {
        self.withPointers(to: parameters) { count, values, lengths, formats in
            PQsendQueryPrepared(self.connection, name, count, values, lengths, formats, 1) == 1
        }
    }

    func sendUnprepared(_ text: String, _ parameters: PostgresParameters) -> Bool {
        parameters.types.withUnsafeBufferPointer { types in
            types.withMemoryRebound(to: Oid.self) { types in
                self.withPointers(to: parameters) { count, values, lengths, formats in
                    PQsendQueryParams(
                        self.connection, text, count, types.baseAddress, values, lengths, formats, 1
                    ) == 1
                }
            }
        }
    }

    /// Ends an implicit transaction, and writes to the socket what it takes.
    func sendSync() -> Bool { PQpipelineSync(self.connection) == 1 }

    /// Whether the system holds small packets back. Only TCP can; elsewhere this is `false` and does nothing.
    func cork(_ isCorked: Bool) -> Bool {
        var value: Int32 = isCorked ? 1 : 0
        return setsockopt(
            self.socket, Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    /// Leaves pipeline mode, which must be empty, and sends several statements at once.
    func sendScript(_ script: String) -> Bool {
        PQexitPipelineMode(self.connection) == 1 && PQsendQuery(self.connection, script) == 1
    }

    func endScript() -> Bool { PQenterPipelineMode(self.connection) == 1 }

    private func withPointers<Value>(
        to parameters: PostgresParameters,
        _ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> Value
    ) -> Value {
        let count = parameters.count
        guard count > 0 else { return body(0, nil, nil, nil) }
        // What an empty value points to, as NULL means null.
        var nothing: CChar = 0
        return withUnsafePointer(to: &nothing) { nothing in
            parameters.bytes.withUnsafeBytes { bytes in
                let base = bytes.bindMemory(to: CChar.self).baseAddress ?? nothing
                return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { values in
                    withUnsafeTemporaryAllocation(of: Int32.self, capacity: count * 2) { numbers in
                        for index in 0..<count {
                            let range = parameters.range(of: index)
                            values.initializeElement(
                                at: index,
                                to: parameters.nulls[index] ? nil : range.isEmpty ? nothing : base + range.lowerBound
                            )
                            numbers.initializeElement(at: index, to: Int32(range.count))
                            numbers.initializeElement(at: count + index, to: 1)
                        }
                        let lengths = UnsafePointer(numbers.baseAddress)
                        return body(
                            Int32(count), values.baseAddress.map { UnsafePointer($0) }, lengths,
                            lengths.map { $0 + count })
                    }
                }
            }
        }
    }

    // Receiving.

    enum Answer {
        case result(PostgresResult)
        case failed(PostgresError)
        /// Not run, because an earlier statement before the same sync failed.
        case skipped
        case sync
        /// COPY, which leaves the connection in a mode that nothing here ends.
        case unsupported
    }

    /// The next answer, or `nil` at the end of the answers to one command. Ask only when not `isBusy`.
    /// - Parameter columns: those of an earlier result of the same prepared statement.
    func nextAnswer(columns: PostgresColumns?) -> Answer? {
        guard let result = PQgetResult(self.connection) else { return nil }
        defer { PQclear(result) }
        switch PQresultStatus(result) {
        case PGRES_PIPELINE_SYNC: return .sync
        case PGRES_PIPELINE_ABORTED: return .skipped
        case PGRES_TUPLES_OK, PGRES_SINGLE_TUPLE: return .result(Self.copy(result, columns))
        case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: return .result(Self.copy(result, PostgresColumns.none))
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: return .unsupported
        default: return .failed(self.failure(of: result))
        }
    }

    private static func copy(_ result: OpaquePointer, _ known: PostgresColumns?) -> PostgresResult {
        let tag = String(cString: PQcmdStatus(result))
        let affected = Int(String(cString: PQcmdTuples(result))) ?? 0
        let rowCount = Int(PQntuples(result))
        let columnCount = Int(PQnfields(result))
        let columns = self.columns(of: result, columnCount, known)
        var cells: [PostgresResult.Storage.Cell] = []
        cells.reserveCapacity(rowCount * columnCount)
        var size = 0
        for row in 0..<Int32(rowCount) {
            for column in 0..<Int32(columnCount) {
                let isNull = PQgetisnull(result, row, column) == 1
                let length = isNull ? -1 : Int(PQgetlength(result, row, column))
                cells.append(PostgresResult.Storage.Cell(offset: size, length: length))
                size += max(0, length)
            }
        }
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let target = UnsafeMutableRawBufferPointer(buffer)
            for (index, cell) in cells.enumerated() where cell.length > 0 {
                let row = Int32(index / columnCount)
                let column = Int32(index % columnCount)
                guard let value = PQgetvalue(result, row, column) else { continue }
                target[cell.offset..<cell.offset + cell.length].copyBytes(
                    from: UnsafeRawBufferPointer(start: value, count: cell.length))
            }
            count = size
        }
        let storage = PostgresResult.Storage(columns: columns, rowCount: rowCount, cells: cells, bytes: bytes)
        return PostgresResult(storage: storage, commandTag: tag, affectedRows: affected)
    }

    private static func columns(of result: OpaquePointer, _ count: Int, _ known: PostgresColumns?) -> PostgresColumns {
        func type(_ column: Int) -> PostgresType { PostgresType(rawValue: PQftype(result, Int32(column))) }
        if let known, known.all.count == count, (0..<count).allSatisfy({ known.all[$0].type == type($0) }) {
            return known
        }
        return PostgresColumns(
            (0..<count).map { column in
                PostgresColumns.Column(
                    name: PQfname(result, Int32(column)).map { String(cString: $0) } ?? "", type: type(column)
                )
            }
        )
    }

    private func failure(of result: OpaquePointer) -> PostgresError {
        // The characters are libpq's PG_DIAG_… constants.
        func field(_ character: Character) -> String? {
            let code = Int32(character.asciiValue ?? 0)
            return PQresultErrorField(result, code).map { String(cString: $0) }
        }
        guard let sqlState = field("C") else {
            return PostgresError(.connectionLost, ServerMessage.oneLine(String(cString: PQresultErrorMessage(result))))
        }
        return ServerMessage(sqlState: sqlState, text: field("M") ?? "", constraint: field("n")).error
    }

    /// What can stop the statement that runs, from any thread.
    func cancelTicket() -> LibpqCancelTicket? { PQgetCancel(self.connection).map { LibpqCancelTicket(owning: $0) } }

    /// libpq's reading of a connection URL. Its own messages could repeat the password, so they are not passed on.
    static func parse(url: String) throws(PostgresError) -> [String: String] {
        var message: UnsafeMutablePointer<CChar>?
        guard let parsed = PQconninfoParse(url, &message) else {
            let text = message.map { String(cString: $0) } ?? ""
            PQfreemem(message)
            let prefix = "invalid URI query parameter: "
            let reason = text.hasPrefix(prefix) ? ": unknown option \(text.dropFirst(prefix.count))" : ""
            throw PostgresError(.invalidConfiguration, "the database URL is malformed\(ServerMessage.oneLine(reason))")
        }
        defer { PQconninfoFree(parsed) }
        var options: [String: String] = [:]
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { options[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return options
    }
}

/// Lends copies of strings as one NULL-terminated array.
private func withCStrings<Value>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Value
) -> Value {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    let pointers = copies.map { UnsafePointer($0) } + [nil]
    return pointers.withUnsafeBufferPointer { buffer in
        guard let base = buffer.baseAddress else { preconditionFailure("the array ends with NULL, so it is not empty") }
        return body(base)
    }
}
