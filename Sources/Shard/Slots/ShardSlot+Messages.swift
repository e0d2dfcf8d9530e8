import ClusterAPI
import Discord
import Foundation
import Gateway
import Logging
import NIOCore
import Runtime

extension ShardSlot {
    // MARK: Hearing the connection

    func received(_ message: ByteBuffer, _ generation: UInt64) {
        guard generation == self.generation else { return }
        self.session.receivedMessage()
        self.publisher.turn.begin()
        self.publisher.turn.bytes += message.readableBytes
        let actions = message.withUnsafeReadableBytes { bytes -> [GatewaySession.Action] in
            do throws(SliceError) {
                return self.received(try FrameSlice.slice(bytes), of: bytes)
            } catch {
                return self.malformed(error.message)
            }
        }
        if !actions.isEmpty { self.perform(actions) }
    }

    private func malformed(_ what: String) -> [GatewaySession.Action] {
        self.metrics.malformed.increment()
        self.note(failure: what)
        return self.session.receivedNonsense(what, now: .now)
    }

    private func received(_ slice: FrameSlice, of bytes: UnsafeRawBufferPointer) -> [GatewaySession.Action] {
        switch GatewayOpcode(rawValue: slice.op) {
        case .dispatch: return self.receivedDispatch(slice, of: bytes)
        case .heartbeat: return self.session.receivedHeartbeatRequest(now: .now)
        case .heartbeatACK:
            self.session.receivedHeartbeatACK(now: .now)
            self.receipts.acknowledged(received: self.pipeline.received)
            return []
        case .reconnect: return self.session.receivedReconnect(now: .now)
        case .invalidSession:
            let isResumable = slice.data.map { bytes[$0].elementsEqual("true".utf8) } ?? false
            return self.session.receivedInvalidSession(isResumable: isResumable, now: .now)
        case .hello:
            // Whatever is wrong with it, it is no Hello to go on with.
            let hello = slice.data.flatMap {
                try? ServerPayload.decode(ServerPayload.Hello.self, from: UnsafeRawBufferPointer(rebasing: bytes[$0]))
            }
            guard let interval = hello?.interval else { return self.malformed("Hello without a usable interval") }
            let actions = self.session.receivedHello(interval: interval, now: .now)
            self.budget.keepRoom(for: self.session.heartbeats(in: SendBudget.window))
            // The first beat's time is new.
            self.schedule()
            return actions
        case .identify, .presenceUpdate, .voiceStateUpdate, .resume, .requestGuildMembers, .requestSoundboardSounds,
            .requestChannelInfo, nil:
            // Opcodes come and go; one that a client can't know is no reason to leave.
            return []
        }
    }

    private func receivedDispatch(_ slice: FrameSlice, of bytes: UnsafeRawBufferPointer) -> [GatewaySession.Action] {
        guard let name = slice.name.map({ UnsafeRawBufferPointer(rebasing: bytes[$0]) }), let data = slice.data else {
            return self.malformed("a dispatch without name or data")
        }
        let rule = self.pipeline.plan.rule(of: name)
        let isReady = rule.kind == .ready
        guard self.session.accepts(isReady: isReady) else { return self.malformed("a dispatch that was not expected") }
        var actions: [GatewaySession.Action] = []
        if isReady {
            actions = self.receivedReady(UnsafeRawBufferPointer(rebasing: bytes[data]))
            guard actions.isEmpty else { return actions }
        } else if rule.kind == .resumed {
            actions = self.session.receivedResumed(now: .now)
            guard actions.isEmpty else { return actions }
            self.logger.info("RESUMED", metadata: ["gateway.sequence": "\(slice.sequence ?? 0)"])
            self.becameReady(isNewSession: false)
        } else if self.commands.expectsChunks {
            self.receivedAnswer(name: name, data: UnsafeRawBufferPointer(rebasing: bytes[data]))
        }
        self.publish(slice, of: bytes, rule: rule)
        self.count(slice, of: bytes, kind: rule.kind)
        // READY itself has to be published first.
        if isReady, self.handOver != nil { self.continueHandOver() }
        return actions
    }

    private func receivedReady(_ data: UnsafeRawBufferPointer) -> [GatewaySession.Action] {
        let ready: ServerPayload.Ready
        do {
            ready = try ServerPayload.decode(ServerPayload.Ready.self, from: data)
        } catch {
            return self.malformed("READY that can't be read: \(error)")
        }
        guard (1...ServerPayload.longestSessionID).contains(ready.session_id.utf8.count) else {
            return self.malformed("READY without a usable session id")
        }
        let resume = self.settings.resumeHosts.resumeURL(
            named: ready.resume_gateway_url, gateway: self.grant.gatewayURL)
        if !resume.isAllowed { self.logger.warning("READY names a host to resume at that is not allowed") }
        let actions = self.session.receivedReady(
            SessionIdentity(id: ready.session_id, resumeURL: resume.url), now: .now)
        guard actions.isEmpty else { return actions }
        self.pipeline.begin(session: ready.session_id, resumeURL: resume.url)
        self.guilds = Set(ready.guilds.map(\.id.rawValue))
        self.knowsGuilds = true
        self.acknowledged.begin(session: ready.session_id)
        self.receipts.sessionEnded()
        self.logger.info("READY", metadata: ["gateway.guilds": "\(self.guilds.count)"])
        self.becameReady(isNewSession: true)
        return []
    }

    private func becameReady(isNewSession: Bool) {
        // The event that says so is counted after this.
        self.silence.started(total: self.meter.total &+ 1, isNewSession: isNewSession, now: .now)
        self.readyForCommands(isNewSession: isNewSession)
    }

    func closed(_ reason: GatewayCloseReason, _ generation: UInt64) {
        if let handOver, handOver.generation == generation { return self.finishHandOver() }
        guard generation == self.generation else { return }
        var code: GatewayCloseCode?
        if case .peer(let number?, _) = reason { code = GatewayCloseCode(rawValue: number) }
        self.forgetConnection(closedWith: code)
        let actions: [GatewaySession.Action]
        switch reason {
        case .peer(let code, let text):
            self.note(failure: "closed with \(code.map(String.init) ?? "no code") \(text)")
            actions = self.session.closed(code: code, reason: text, now: .now)
        case .local(let code, _): actions = self.session.closed(code: code, reason: "", now: .now)
        case .dropped(let error):
            self.note(failure: error.map { "\($0)" } ?? "TCP ended")
            actions = self.session.closed(code: nil, reason: "", now: .now)
        case .failed(let error):
            self.metrics.malformed.increment()
            self.note(failure: error.message)
            actions = self.session.closed(code: nil, reason: error.message, now: .now)
        }
        self.perform(actions)
    }
}
