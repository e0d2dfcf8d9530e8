import ControlAPI
import Discord
import NIOCore

/// Decides what becomes of the commands that workers send to one slot: when each leaves, what is asked again, and what
/// is answered. It knows no socket, broker or clock.
///
/// Call ``flush(budget:now:)`` after each event, and ``timerFired(now:)`` at ``nextDeadline``.
struct SlotCommands: Sendable {
    typealias Instant = ContinuousClock.Instant

    struct Limits: Sendable, Equatable {
        /// Commands that a slot has in hand.
        var mostCommands = 256
        /// From op 8, or a chunk of it, to the next chunk; then it is asked again.
        var chunkPatience: Duration = .seconds(15)
        /// How often a part is asked for, pauses that Discord asks for not counted.
        var mostAttempts = 3
        /// What was sent so shortly before Discord closed for a bad payload is not sent again.
        var suspicion: Duration = .seconds(5)
    }

    enum Effect: Sendable, Equatable {
        case send(ByteBuffer)
        case answer(ControlRequester, ControlAnswer)
    }

    /// Where a GUILD_MEMBERS_CHUNK belongs.
    struct ChunkReceipt: Sendable, Equatable {
        let requester: ControlRequester
        let position: MembersChunk.Position
        /// The request has all that it asked for: `ok` follows.
        let isLast: Bool
    }

    /// Discord's: updates in 20 s (Discord docs, Gateway, Rate Limiting).
    static let presenceLimit = (updates: 5, span: Duration.seconds(20))
    /// Discord's: one request for all members of a guild in this time.
    static let allMembersInterval: Duration = .seconds(30)
    private struct Command: Sendable {
        let command: ControlCommand
        let requester: ControlRequester
        let deadline: Instant
        var members: MembersJob?
    }

    private let shard: ShardID?
    private let intents: Intents
    private let limits: Limits
    /// Begins every nonce, so that chunks asked for by another process are not taken for ours.
    private let life: String

    private var commands: [UInt64: Command] = [:]
    private var queue = SendQueue()
    private var nonces: [String: (command: UInt64, part: Int)] = [:]
    private var lastCommand: UInt64 = 0
    private var lastNonce: UInt64 = 0
    private var isReady = false
    /// When the queue has something to send again.
    private var wakeAt: Instant?
    private var presenceTimes = SlidingWindow(limit: Self.presenceLimit.updates, span: Self.presenceLimit.span)
    private var allMembersAt: [Snowflake: Instant] = [:]
    private var sentLately: [(command: UInt64?, at: Instant, isPresence: Bool)] = []

    /// What IDENTIFY tells: the last presence that was asked for.
    private(set) var presence: PresenceUpdate?
    private let initialPresence: PresenceUpdate?
    private var identifiedWith: PresenceUpdate?
    private var hasIdentified = false
    /// A command, or Discord's refusal, has decided what is shown.
    private var presenceIsDecided = false

    init(
        shard: Int, count: Int, intents: Intents, presence: PresenceUpdate?, limits: Limits = Limits(), life: UInt64
    ) {
        self.shard = ShardID(id: shard, count: count)
        self.intents = intents
        self.presence = presence
        self.initialPresence = presence
        self.limits = limits
        self.life = String(life, radix: 16)
    }

    /// Whether chunks are waited for. Cheap enough to ask for every event.
    var expectsChunks: Bool { !self.nonces.isEmpty }

    // MARK: Commands

    mutating func accept(
        _ command: ControlCommand, from requester: ControlRequester, timeout: Duration, now: Instant
    ) -> [Effect] {
        do throws(ControlProblem) {
            guard let shard else { throw ControlProblem(.badRequest, "the slot's shard is not one of its count") }
            try command.validate(shard: shard, intents: self.intents)
            guard self.commands.count < self.limits.mostCommands else {
                throw ControlProblem(
                    .busy, "\(self.commands.count) commands wait for this slot already", retryAfterMilliseconds: 1_000)
            }
        } catch {
            return [.answer(requester, .error(error))]
        }
        self.lastCommand += 1
        let id = self.lastCommand
        var taken = Command(command: command, requester: requester, deadline: now + timeout)
        var effects: [Effect] = []
        switch command {
        case .presence(let update):
            self.presence = update
            self.presenceIsDecided = true
            effects = self.supersede(.presence, guild: 0)
            self.enqueue(.presence, guild: 0, id)
        case .voiceState(let update):
            effects = self.supersede(.voiceState, guild: update.guildID.rawValue)
            self.enqueue(.voiceState, guild: update.guildID.rawValue, id)
        case .requestMembers(let request):
            taken.members = MembersJob(request)
            self.enqueue(request.asksForAll ? .allMembers : .members, guild: request.guildID.rawValue, id)
        case .soundboardSounds: self.enqueue(.soundboardSounds, guild: 0, id)
        case .channelInfo(let guild, _): self.enqueue(.channelInfo, guild: guild.rawValue, id)
        }
        self.commands[id] = taken
        return effects
    }

    private mutating func enqueue(_ kind: SendQueue.Kind, guild: UInt64, _ command: UInt64, part: Int = 0) {
        self.queue.append(SendQueue.Item(kind: kind, guild: guild, command: command, part: part))
    }

    /// Of presences and voice states only the last one counts.
    private mutating func supersede(_ kind: SendQueue.Kind, guild: UInt64) -> [Effect] {
        guard let item = self.queue.waiting(kind, guild: guild) else { return [] }
        return self.finish(item.command, .error(ControlProblem(.superseded, "a later command took its place")))
    }

    private mutating func finish(_ id: UInt64, _ answer: ControlAnswer) -> [Effect] {
        guard let command = self.commands.removeValue(forKey: id) else { return [] }
        self.queue.remove(command: id)
        for nonce in command.members?.nonces ?? [] { self.nonces[nonce] = nil }
        return [.answer(command.requester, answer)]
    }

    // MARK: The connection

    /// IDENTIFY leaves.
    ///
    /// - Parameter tellsPresence: false: ``presence`` did not fit.
    mutating func identified(tellsPresence: Bool = true, now: Instant) {
        self.hasIdentified = true
        self.identifiedWith = tellsPresence ? self.presence : nil
        if self.identifiedWith != nil { self.sentLately = [(nil, now, true)] }
    }

    /// An earlier owner of the slot was told to show this. What a command said to this one counts for more, and what
    /// no command may say, for nothing.
    mutating func restore(_ presence: PresenceUpdate, now: Instant) -> [Effect] {
        guard !self.presenceIsDecided, (try? presence.validate()) != nil else { return [] }
        self.presence = presence
        // A session that was taken over shows it already; an IDENTIFY did not wait for Redis.
        guard self.hasIdentified, self.identifiedWith != presence else { return [] }
        return self.accept(
            .presence(presence), from: ControlRequester(replyTo: nil, correlationID: nil),
            timeout: ControlRequest.timeouts.upperBound, now: now)
    }

    /// READY, or RESUMED.
    mutating func becameReady(isNewSession: Bool, now: Instant) -> [Effect] {
        self.isReady = true
        var effects: [Effect] = []
        if isNewSession, self.identifiedWith == self.presence, let item = self.queue.waiting(.presence, guild: 0) {
            effects += self.finish(item.command, .ok)
        }
        for (nonce, place) in self.nonces {
            if isNewSession {
                // Chunks don't come in another session.
                self.askAgain(place, nonce)
            } else {
                self.commands[place.command]?.members?.resumed(place.part, now: now)
            }
        }
        return effects
    }

    /// - Parameter code: the peer's; nil without one, or when we closed.
    mutating func disconnected(code: GatewayCloseCode?, now: Instant) -> [Effect] {
        self.isReady = false
        self.wakeAt = nil
        defer { self.sentLately = [] }
        switch code {
        case .unknownOpcode?, .decodeError?, .alreadyAuthenticated?: break
        default: return []
        }
        // Which of them it was Discord does not say.
        var effects: [Effect] = []
        for sent in self.sentLately where now - sent.at <= self.limits.suspicion {
            if sent.isPresence {
                self.presence = sent.command == nil ? nil : self.initialPresence
                self.presenceIsDecided = true
            }
            guard let id = sent.command else { continue }
            effects += self.finish(id, .error(ControlProblem(.refused, "Discord closed the connection because of it")))
        }
        return effects
    }

    /// The slot is let go of: nothing more can be done for anybody.
    mutating func end() -> [Effect] {
        self.isReady = false
        return self.commands.keys.sorted().flatMap {
            self.finish($0, .error(ControlProblem(.notRunning, "this process lets go of the slot")))
        }
    }

    // MARK: Sending

    /// What may leave now, and what can be answered with that.
    mutating func flush(budget: inout SendBudget, now: Instant) -> [Effect] {
        self.wakeAt = nil
        guard self.isReady, !self.queue.isEmpty else { return [] }
        var effects: [Effect] = []
        while !self.queue.isEmpty {
            if let wait = budget.wait(for: .other, now: now) {
                self.wakeAt = now + wait
                break
            }
            let presenceWait = self.presenceTimes.wait(now: now)
            let next = self.queue.next(now: now) { [commands, allMembersAt] item in
                switch item.kind {
                case .presence: presenceWait.map { now + $0 }
                case .members: commands[item.command]?.members?.notBefore(item.part)
                case .allMembers:
                    [
                        commands[item.command]?.members?.notBefore(item.part),
                        allMembersAt[Snowflake(rawValue: item.guild)].map { $0 + Self.allMembersInterval },
                    ]
                    .compactMap { $0 }.max()
                case .voiceState, .soundboardSounds, .channelInfo: nil
                }
            }
            switch next {
            case .empty: return effects
            case .waits(let until):
                self.wakeAt = until
                return effects
            case .item(let item):
                _ = budget.take(.other, now: now)
                effects += self.send(item, now: now)
            }
        }
        return effects
    }

    private mutating func send(_ item: SendQueue.Item, now: Instant) -> [Effect] {
        guard let command = self.commands[item.command] else { return [] }
        let payload: ByteBuffer
        var nonce = ""
        do {
            switch command.command {
            case .presence(let update): payload = try ClientPayload.presence(update)
            case .voiceState(let update): payload = try ClientPayload.voiceState(update)
            case .soundboardSounds(let guilds): payload = try ClientPayload.soundboardSounds(guilds)
            case .channelInfo(let guild, let fields): payload = try ClientPayload.channelInfo(guild, fields: fields)
            case .requestMembers(let request):
                self.lastNonce += 1
                nonce = "\(self.life).\(String(self.lastNonce, radix: 36))"
                payload = try ClientPayload.requestMembers(
                    request, userIDs: command.members?.userIDs(of: item.part) ?? [], nonce: nonce)
            }
        } catch {
            return self.finish(item.command, .error(ControlProblem(.badRequest, "it can't be written as JSON")))
        }
        guard payload.readableBytes <= ClientPayload.maximumBytes else {
            return self.finish(
                item.command,
                .error(
                    ControlProblem(
                        .badRequest,
                        "its payload has \(payload.readableBytes) bytes, Discord takes \(ClientPayload.maximumBytes)")))
        }
        self.noteSent(item, now: now)
        if case .requestMembers(let request) = command.command {
            self.asked(request, item, nonce: nonce, now: now)
            return [.send(payload)]
        }
        return [.send(payload)] + self.finish(item.command, .ok)
    }

    private mutating func noteSent(_ item: SendQueue.Item, now: Instant) {
        if item.kind == .presence { self.presenceTimes.record(now: now) }
        let suspicion = self.limits.suspicion
        self.sentLately.removeAll { now - $0.at > suspicion }
        self.sentLately.append((item.command, now, item.kind == .presence))
    }

    // MARK: Members

    private mutating func asked(_ request: MembersRequest, _ item: SendQueue.Item, nonce: String, now: Instant) {
        if request.asksForAll {
            self.allMembersAt = self.allMembersAt.filter { now - $0.value < Self.allMembersInterval }
            self.allMembersAt[request.guildID] = now
        }
        self.nonces[nonce] = (item.command, item.part)
        // The next part lines up behind what others want.
        if let next = self.commands[item.command]?.members?.asked(item.part, nonce: nonce, now: now) {
            self.enqueue(item.kind, guild: item.guild, item.command, part: next)
        }
    }

    private mutating func askAgain(
        _ place: (command: UInt64, part: Int), _ nonce: String, wasRefused: Bool = false, notBefore: Instant? = nil
    ) {
        self.nonces[nonce] = nil
        guard let request = self.commands[place.command]?.members?.request else { return }
        self.commands[place.command]?.members?.givenUp(place.part, wasRefused: wasRefused, notBefore: notBefore)
        self.enqueue(
            request.asksForAll ? .allMembers : .members, guild: request.guildID.rawValue, place.command,
            part: place.part)
    }

    /// A GUILD_MEMBERS_CHUNK came. `nil`: it is not one that is waited for, or came before.
    mutating func receivedChunk(nonce: String, index: Int, count: Int, now: Instant) -> ChunkReceipt? {
        guard let place = self.nonces[nonce], let command = self.commands[place.command],
            let position = self.commands[place.command]?.members?.received(
                place.part, index: index, count: count, now: now),
            let members = self.commands[place.command]?.members
        else { return nil }
        if !members.nonces.contains(nonce) { self.nonces[nonce] = nil }
        if members.isDone { self.commands[place.command] = nil }
        return ChunkReceipt(requester: command.requester, position: position, isLast: members.isDone)
    }

    /// A RATE_LIMITED about op 8 came.
    mutating func receivedRateLimited(
        nonce: String?, guild: Snowflake, retryAfter: Duration, now: Instant
    ) -> [Effect] {
        let wait = max(retryAfter, .milliseconds(100))
        var effects: [Effect] = []
        for (own, place) in self.nonces {
            guard let command = self.commands[place.command], let request = command.members?.request,
                request.guildID == guild
            else { continue }
            // Without a nonce it is about what Discord limits: requests for all members.
            guard nonce.map({ $0 == own }) ?? request.asksForAll else { continue }
            if now + wait >= command.deadline {
                effects += self.finish(
                    place.command,
                    .error(
                        ControlProblem(
                            .rateLimited, "Discord wants a pause that is longer than the request's time",
                            retryAfterMilliseconds: Int(wait / .milliseconds(1)))))
            } else {
                self.allMembersAt[guild] = nil
                self.askAgain(place, own, wasRefused: true, notBefore: now + wait)
            }
        }
        return effects
    }

    // MARK: Time

    /// When ``timerFired(now:)`` has to be called at the latest; `nil` with nothing in hand.
    var nextDeadline: Instant? {
        guard !self.commands.isEmpty else { return nil }
        var earliest = self.wakeAt
        for command in self.commands.values { earliest = min(earliest ?? command.deadline, command.deadline) }
        guard self.isReady else { return earliest }
        for place in self.nonces.values {
            guard let progress = self.commands[place.command]?.members?.progress(of: place.part) else { continue }
            let patience = progress + self.limits.chunkPatience
            earliest = min(earliest ?? patience, patience)
        }
        return earliest
    }

    mutating func timerFired(now: Instant) -> [Effect] {
        var effects: [Effect] = []
        for (id, command) in self.commands.sorted(by: { $0.key < $1.key }) where command.deadline <= now {
            effects += self.finish(id, .error(ControlProblem(.timeout, "not done within the request's time")))
        }
        guard self.isReady else { return effects }
        for (nonce, place) in self.nonces {
            guard let members = self.commands[place.command]?.members,
                let progress = members.progress(of: place.part), progress + self.limits.chunkPatience <= now
            else { continue }
            if members.attempts(of: place.part) >= self.limits.mostAttempts {
                effects += self.finish(
                    place.command, .error(ControlProblem(.timeout, "Discord sent no members, or not all of them")))
            } else {
                self.askAgain(place, nonce)
            }
        }
        return effects
    }
}
