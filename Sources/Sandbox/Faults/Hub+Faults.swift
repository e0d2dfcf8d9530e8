import Discord
import Gateway
import NIOCore
import Runtime

extension Hub {
    /// Lets a fault happen.
    ///
    /// - Parameters:
    ///   - id: tells faults of one run apart, in the ledger too.
    ///   - salt: decides whom a share of the sessions means.
    /// - Returns: guilds whose outage it began.
    func inflict(_ fault: Fault, id: Int64, salt: UInt64) -> [Snowflake] {
        let now = self.clock.instant()
        return self.withState { state in
            var facts = fault.facts
            facts["id"] = .integer(id)
            var guilds: [Snowflake] = []
            switch fault.action {
            case .refuseUpgrade(let status, let entrances, let length):
                state.door.refuse(status: status, at: entrances, until: now + length)
            case .greet(let greeting, let length): state.door.greet(with: greeting, until: now + length)
            case .outage(let percent, let named, _):
                let chosen = named + Self.share(percent, of: state.world.guilds.keys, salt: salt)
                guilds = self.setUnavailable(true, chosen, &state)
                facts["guilds"] = .ids(guilds)
            case .outageOver(let named):
                let over = named.isEmpty ? state.world.outages.sorted() : named
                facts["guilds"] = .ids(self.setUnavailable(false, over, &state))
            case .resetToken(let token):
                self.resetTokens(fault, token, id: id, salt: salt, &state)
                return guilds
            default:
                let met = self.candidates(of: fault, salt: salt, state)
                facts["sessions"] = .array(met.compactMap { $0.session.map { .string($0) } })
                facts["conns"] = .array(met.compactMap { $0.connection.map { .integer($0) } })
                // The line comes before those of what it causes.
                self.ledger?.record(.fault(facts))
                // One that all share: it may be large.
                var message = ByteBuffer()
                if case .oversized(let bytes) = fault.action { message = Self.oversized(bytes) }
                for candidate in met { self.inflict(fault.action, message, on: candidate, &state) }
                return guilds
            }
            self.ledger?.record(.fault(facts))
            return guilds
        }
    }

    /// Ends the outage of guilds that a fault began, if nothing else did.
    func endOutage(of guilds: [Snowflake], id: Int64) {
        self.withState { state in
            let changed = self.setUnavailable(false, guilds, &state)
            self.ledger?.record(
                .fault([
                    "fault": .string(Fault.Kind.outageOver.rawValue), "id": .integer(id), "guilds": .ids(changed),
                ]))
        }
    }

    /// Ends all that faults left: what is held back flows, doors are open, guilds are there.
    ///
    /// - Parameter guilds: whose outage is a fault's.
    func liftFaults(endingOutageOf guilds: [Snowflake]) {
        self.withState { state in
            state.door.reset()
            for handler in state.open.values { handler.liftHolds() }
            let changed = self.setUnavailable(false, guilds, &state)
            self.ledger?.record(.fault(["fault": "lifted", "guilds": .ids(changed)]))
        }
    }

    /// Takes an application's tokens away and ends its sessions.
    ///
    /// - Parameter id: of the fault that does it, if it is one.
    func resetToken(
        of application: Snowflake, to token: Secret? = nil, reason: String, id: Int64? = nil, _ state: inout State
    ) {
        var facts: JSONObject = ["fault": .string(Fault.Kind.tokenReset.rawValue)]
        if let id { facts["id"] = .integer(id) }
        facts["app"] = .id(application)
        facts["reason"] = .string(reason)
        self.ledger?.record(.fault(facts))
        state.world.removeCredentials(of: application)
        self.endSessions(of: application, .tokenReset, code: .authenticationFailed, &state)
        if let token {
            state.world.addCredential(token: token.reveal(), user: application)
            state.gate.reset(application)
        }
    }

    // MARK: Whom it meets

    private func candidates(of fault: Fault, salt: UInt64, _ state: State) -> [FaultTarget.Candidate] {
        var includesDetached = false
        switch fault.action {
        case .evict, .shrinkBuffer: includesDetached = true
        default: break
        }
        let sessions = state.sessions.all.map { session in
            FaultTarget.Candidate(
                connection: state.connections[session.id]?.id, session: session.id, user: session.userID,
                isPerson: !session.isBot, shard: session.shard)
        }
        let bare = state.open.values.filter { $0.session == nil }.map { FaultTarget.Candidate(connection: $0.id) }
        return fault.target.select(from: sessions + bare, salt: salt, includesDetached: includesDetached)
    }

    private static func share(_ percent: Int, of guilds: [Snowflake], salt: UInt64) -> [Snowflake] {
        guilds.filter { SeededRandom.mix($0.rawValue ^ SeededRandom.mix(salt)) % 100 < UInt64(max(percent, 0)) }
    }

    /// The token of each application that the target means; without one named, of all that have a session.
    private func resetTokens(
        _ fault: Fault, _ token: Secret?, id: Int64, salt: UInt64, _ state: inout State
    ) {
        let met = fault.target.select(
            from: self.candidates(of: fault, salt: salt, state), salt: salt, includesDetached: true)
        let applications = fault.target.application.map { [$0] } ?? Set(met.compactMap(\.user)).sorted()
        for application in applications where state.world.applications[application] != nil {
            self.resetToken(of: application, to: token, reason: "fault", id: id, &state)
        }
    }

    // MARK: What it does

    private func inflict(
        _ action: Fault.Action, _ message: ByteBuffer, on candidate: FaultTarget.Candidate, _ state: inout State
    ) {
        let handler = candidate.connection.flatMap { state.open[$0] }
        switch action {
        case .reconnect(let grace): handler?.askToReconnect(closingAfter: grace)
        case .invalidSession(let isResumable, let endsSession):
            if let session = candidate.session { self.part(session, endsSession ? .invalidated : nil, &state) }
            handler?.invalidate(isResumable: isResumable)
        case .close(let code, let endsSession):
            if let session = candidate.session {
                self.part(session, endsSession ? .closed(code ?? 0) : nil, &state)
            }
            if let code {
                let name = GatewayCloseCode(rawValue: code)
                handler?.close(name, name.description)
            } else {
                handler?.closeWithoutCode()
            }
        case .drop:
            if let session = candidate.session { self.part(session, nil, &state) }
            handler?.drop()
        case .evict:
            if let session = candidate.session { self.endSession(session, .evicted, &state) }
            handler?.drop()
        case .shrinkBuffer(let events):
            if let session = candidate.session { state.sessions.update(session) { $0.shrink(to: events) } }
        case .duplicate(let count):
            guard let handler, let session = candidate.session.flatMap({ state.sessions[$0] }) else { return }
            for entry in session.last(count) { handler.deliver(session.frame(entry)) }
        case .stall(let hold, let length): handler?.hold(hold, for: length)
        case .slowReads(let length): handler?.pauseReading(for: length)
        case .heartbeats(let count): handler?.askForHeartbeats(count)
        case .corrupt(let corruption): if let handler { corruption.send(on: handler) }
        case .oversized: handler?.sendUnnumbered(message)
        case .refuseUpgrade, .greet, .outage, .outageOver, .resetToken: break  // these meet no single session
        }
    }

    private func part(_ session: String, _ end: SessionEnd?, _ state: inout State) {
        if let end {
            self.endSession(session, end, &state)
        } else {
            self.detachSession(session, &state)
        }
    }

    /// An ACK that nobody asked for, with padding.
    private static func oversized(_ bytes: Int) -> ByteBuffer {
        let head = #"{"t":null,"s":null,"op":11,"d":null,"padding":""#
        let tail = #""}"#
        var frame = ByteBufferAllocator().buffer(capacity: bytes)
        frame.writeString(head)
        frame.writeRepeatingByte(UInt8(ascii: "x"), count: max(0, bytes - head.utf8.count - tail.utf8.count))
        frame.writeString(tail)
        return frame
    }
}

extension Fault.Corruption {
    private static let text: UInt8 = 0x1, binary: UInt8 = 0x2, reserved: UInt8 = 0x3

    func send(on handler: GatewayConnectionHandler) {
        switch self {
        case .stream:
            // Neither deflate nor zstd has a block of the type that ones stand for; the end is zlib's flush mark.
            let junk = [UInt8](repeating: 0xFF, count: 16) + [0x00, 0x00, 0xFF, 0xFF]
            let isCompressed = handler.connection.compression != .none
            handler.sendRaw(
                isCompressed
                    ? GatewayFrame.raw(opcode: Self.binary, junk)
                    : GatewayFrame.raw(opcode: Self.text, Array("{\"op\":0,\"s\":".utf8)))
        case .json: handler.sendUnnumbered(ByteBuffer(string: #"{"t":"MESSAGE_CREATE","s":1,"op":0,"d":{"id":"#))
        case .utf8:
            let text = Array(#"{"op":11,"d":""#.utf8) + [0xC3, 0x28] + Array("\"}".utf8)
            handler.sendRaw(GatewayFrame.raw(opcode: Self.text, text))
        case .frame: handler.sendRaw(GatewayFrame.raw(opcode: Self.reserved, [0x00]))
        }
    }
}
