import ControlAPI
import Discord
import Foundation
import Gateway
import Logging
import NIOCore
import Runtime

extension ShardSlot {
    /// A worker wants something of this slot.
    func received(_ request: ControlRequest, from requester: ControlRequester) {
        self.metrics.commands.increment()
        guard self.handOver == nil else {
            return self.tell(.error(ControlProblem(.notRunning, "this process lets go of the slot")), requester)
        }
        if case .stopped = self.session.state {
            let reason = self.session.reason ?? "it was stopped"
            return self.tell(.error(ControlProblem(.notRunning, "the slot has failed: \(reason)")), requester)
        }
        self.perform(self.commands.accept(request.command, from: requester, timeout: request.timeout, now: .now))
        self.flushCommands()
    }

    /// The session takes payloads from now on.
    func readyForCommands(isNewSession: Bool) {
        self.perform(self.commands.becameReady(isNewSession: isNewSession, now: .now))
        self.flushCommands()
    }

    func commandTimerFired() {
        self.perform(self.commands.timerFired(now: .now))
        self.flushCommands()
    }

    private func flushCommands() {
        self.perform(self.commands.flush(budget: &self.budget, now: .now))
        self.schedule()
    }

    func perform(_ effects: [SlotCommands.Effect]) {
        for effect in effects {
            switch effect {
            case .send(let payload): self.connection?.send(payload)
            case .answer(let requester, let answer): self.tell(answer, requester)
            }
        }
        self.presenceKeeper?.keep(self.commands.presence)
    }

    /// An earlier owner of the slot was told to show this.
    func restore(_ presence: PresenceUpdate) {
        self.perform(self.commands.restore(presence, now: .now))
        self.flushCommands()
    }

    private func tell(_ answer: ControlAnswer, _ requester: ControlRequester) {
        if let guild = requester.cachedGuild { return self.tellCache(answer, guild: guild) }
        if case .error = answer { self.metrics.refusedCommands.increment() }
        self.answer(answer, requester)
    }

    /// Asks for all members of a guild, for the cache.
    func askForMembers(guild: UInt64) {
        let requester = ControlRequester(replyTo: nil, correlationID: nil, cachedGuild: guild)
        self.perform(
            self.commands.accept(
                .requestMembers(.all(of: Snowflake(rawValue: guild))), from: requester,
                timeout: self.settings.cacheMembersTimeout, now: .now))
        self.flushCommands()
    }

    /// The chunks themselves reach the cache like any event.
    private func tellCache(_ answer: ControlAnswer, guild: UInt64) {
        switch answer {
        case .ok: self.cache?.membersAnswered(guild: guild, isComplete: true)
        case .chunk: return
        case .error(let problem):
            self.logger.warning(
                "the members of a guild can't be asked for",
                metadata: ["discord.guild": "\(guild)", "error": "\(problem.message)"])
            self.cache?.membersAnswered(guild: guild, isComplete: false)
        }
    }

    /// GUILD_MEMBERS_CHUNK, or RATE_LIMITED, while members are waited for.
    func receivedAnswer(name: UnsafeRawBufferPointer, data: UnsafeRawBufferPointer) {
        if name.elementsEqual("GUILD_MEMBERS_CHUNK".utf8) {
            guard let head = MembersChunkHead.read(data),
                let receipt = self.commands.receivedChunk(
                    nonce: head.nonce, index: head.index, count: head.count, now: .now)
            else { return }
            let payload = ByteBuffer(bytes: data)
            self.tell(.chunk(MembersChunk(position: receipt.position, payload: payload)), receipt.requester)
            if receipt.isLast { self.tell(.ok, receipt.requester) }
            self.flushCommands()
        } else if name.elementsEqual("RATE_LIMITED".utf8) {
            // One that can't be read says nothing; then patience ends.
            guard let limited = try? ServerPayload.decode(ServerPayload.RateLimited.self, from: data),
                limited.opcode == GatewayOpcode.requestGuildMembers.rawValue, let wait = limited.wait
            else { return }
            self.perform(
                self.commands.receivedRateLimited(
                    nonce: limited.meta.nonce, guild: limited.meta.guild_id, retryAfter: wait, now: .now))
            self.flushCommands()
        }
    }
}
