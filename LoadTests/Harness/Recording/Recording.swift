/// What came out of the queues, each in its order of arrival.
package struct Recording: Sendable {
    /// One line of one message. 24 bytes, for there are millions.
    package struct Occurrence: Sendable {
        /// Of the bytes of `d`.
        package let hash: UInt64
        package let sequence: UInt32
        /// In `messages`.
        package let message: UInt32
        /// In `guilds`, counted from 1; 0 without a guild.
        package let guild: UInt32
        /// In `names`, or `gapIndex`.
        package let name: UInt16

        /// Stands for the name of a gap record; its `sequence` is then an index in `gaps`.
        static let gapIndex = UInt16.max
        package var isGap: Bool { self.name == Self.gapIndex }
    }

    package struct Message: Sendable {
        /// In `sessions`.
        package let session: UInt32
        /// In `slots`.
        package let slot: UInt32
        package let isRedelivered: Bool
        package let epoch: Int64
        package let generation: Int64
        /// Milliseconds since the Unix epoch.
        package let at: Int64
    }

    package struct Gap: Sendable {
        package let session: String
        package let after: Int64
        package let reason: String

        /// An earlier owner of the slot may have had a session that it told nobody of.
        var isOfUnknownSession: Bool { self.session.hasPrefix("unknown.") }
    }

    /// A time without a connection, in milliseconds since the Unix epoch.
    package struct Outage: Sendable, Equatable {
        package let from: Int64
        package let to: Int64
    }

    package struct Queue: Sendable {
        package let name: String
        package var occurrences: [Occurrence] = []
        /// Before which occurrences the recorder connected anew, rising.
        package var interruptions: [Int] = []
    }

    /// The lanes by their number, then all others.
    package private(set) var queues: [Queue]
    package let lanes: Int
    package private(set) var messages: [Message] = []
    package private(set) var gaps: [Gap] = []
    package private(set) var sessions = InternedTable<String>()
    package private(set) var slots = InternedTable<LedgerHistory.Slot>()
    package private(set) var outages: [Outage] = []
    private var lostAt: Int64?
    package private(set) var names = InternedTable<String>()
    package private(set) var guilds = InternedTable<UInt64>()
    package private(set) var eventCount = 0
    /// Messages that break their format, told for the first 20.
    package private(set) var defects: [String] = []

    /// - Parameter prefix: of the queues' names.
    package init(lanes: Int, prefix: String = "") {
        self.lanes = lanes
        let names = (0..<lanes).map { "lane.\($0)" } + ["commands", "commands.expired"]
        self.queues = names.map { Queue(name: prefix + $0) }
    }

    package mutating func record(
        queue: Int, headers: MessageHeaders, isRedelivered: Bool, at: Int64, body: UnsafeRawBufferPointer
    ) {
        let message = UInt32(self.messages.count)
        self.messages.append(
            Message(
                session: UInt32(self.sessions.index(of: headers.session)),
                slot: UInt32(self.slots.index(of: headers.slot)), isRedelivered: isRedelivered,
                epoch: headers.epoch, generation: headers.generation, at: at))
        var count: Int64 = 0
        var first: Int64?
        var last: Int64 = 0
        var start = 0
        while let end = body[start...].firstIndex(of: 0x0A) {
            do throws(HarnessError) {
                let line = try EventLine(UnsafeRawBufferPointer(rebasing: body[start..<end]))
                if line.name != EventLine.gapName, let previous = first.map({ _ in last }), line.sequence <= previous {
                    self.note("\(self.queues[queue].name): \(line.sequence) after \(previous) in one message")
                }
                first = first ?? line.sequence
                last = line.sequence
                try self.append(line, message: message, queue: queue)
            } catch {
                self.note("\(self.queues[queue].name): \(error)")
            }
            count += 1
            start = end + 1
        }
        if start != body.count { self.note("\(self.queues[queue].name): a last line without its line feed") }
        if count != headers.count || first != headers.firstSequence || last != headers.lastSequence {
            self.note(
                "\(self.queues[queue].name): headers tell \(headers.count) events \(headers.firstSequence) to "
                    + "\(headers.lastSequence), the body has \(count) of \(first ?? 0) to \(last)")
        }
    }

    private mutating func append(_ line: EventLine, message: UInt32, queue: Int) throws(HarnessError) {
        if line.name == EventLine.gapName {
            let gap = try self.gap(line)
            self.queues[queue].occurrences.append(
                Occurrence(
                    hash: 0, sequence: UInt32(self.gaps.count), message: message, guild: 0, name: Occurrence.gapIndex))
            self.gaps.append(gap)
            return
        }
        guard let sequence = UInt32(exactly: line.sequence) else {
            throw HarnessError("sequence number \(line.sequence) is beyond all reason")
        }
        self.eventCount += 1
        self.queues[queue].occurrences.append(
            Occurrence(
                hash: FNV1a.hash(line.data), sequence: sequence, message: message,
                guild: line.guild.map { UInt32(self.guilds.index(of: $0) + 1) } ?? 0,
                name: UInt16(self.names.index(of: line.name))))
    }

    private func gap(_ line: EventLine) throws(HarnessError) -> Gap {
        do throws(JSONFields.Malformed) {
            let data = try GapData(line.data)
            guard let session = data.session, let after = data.after else {
                throw JSONFields.Malformed(description: "no session or after")
            }
            return Gap(session: session, after: after, reason: data.reason)
        } catch {
            throw HarnessError("a gap record can't be read: \(error)")
        }
    }

    /// A message that could not be taken apart at all.
    package mutating func note(_ defect: String) {
        if self.defects.count < 20 { self.defects.append(defect) }
    }

    /// The connection is gone.
    package mutating func lose(at: Int64) { self.lostAt = self.lostAt ?? at }

    /// From here on another connection reads: what was not acked comes again, and what the broker lost the confirm of
    /// may too.
    package mutating func interrupt(at: Int64) {
        if let from = self.lostAt.take() { self.outages.append(Outage(from: from, to: at)) }
        for index in self.queues.indices {
            self.queues[index].interruptions.append(self.queues[index].occurrences.count)
        }
    }
}
