import DequeModule
import NIOCore

/// Decides what a frame on one channel means. It knows no socket, promise or clock.
struct AMQPChannelState {
    /// What must answer a request.
    enum Reply: Equatable {
        case done(BrokerMethod.Done)
        case queueDeclareOk, queuePurgeOk, queueDeleteOk, consumeOk, cancelOk, get
    }

    /// Counts requests, so that the shell finds who asked.
    typealias RequestID = UInt64

    enum Action: Equatable {
        case none
        case reply(RequestID, BrokerMethod)
        case replyToGet(RequestID, AMQPContentAssembler.Content?)
        case deliver(AMQPContentAssembler.Content)
        case returned(tag: UInt64?, AMQPContentAssembler.Content)
        case settle(UInt64, multiple: Bool, acked: Bool)
        case consumerCancelled(String, answer: Bool)
        case answerFlow(active: Bool)
        /// Answer close-ok; the channel is gone.
        case closedByBroker(AMQPError)
        /// The broker answered our close; the channel is gone.
        case closed
        /// Both sides closed at once: answer, and wait for close-ok.
        case answerClose
    }

    private enum Lifecycle {
        case open, closing, closed
    }

    private var lifecycle = Lifecycle.open
    private var requests: Deque<(id: RequestID, reply: Reply)> = []
    private var assembler: AMQPContentAssembler
    private var nextRequest: RequestID = 1
    private(set) var confirms = false

    init(maximumMessageSize: Int) {
        self.assembler = AMQPContentAssembler(maximumMessageSize: maximumMessageSize)
    }

    var isOpen: Bool { self.lifecycle == .open }
    var isClosed: Bool { self.lifecycle == .closed }

    mutating func request(_ reply: Reply) -> RequestID {
        defer { self.nextRequest += 1 }
        self.requests.append((self.nextRequest, reply))
        // The broker counts publishes from here on, not from its answer.
        if reply == .done(.confirmSelect) { self.confirms = true }
        return self.nextRequest
    }

    /// - Returns: whether to send channel.close.
    mutating func startClosing() -> Bool {
        guard self.lifecycle == .open else { return false }
        self.lifecycle = .closing
        return true
    }

    mutating func connectionClosed() { self.lifecycle = .closed }

    mutating func received(_ method: BrokerMethod) throws(AMQPError) -> Action {
        switch (self.lifecycle, method) {
        case (.closed, _): return .none
        case (.closing, .channelCloseOk):
            self.lifecycle = .closed
            return .closed
        case (.closing, .channelClose): return .answerClose
        case (.closing, _): return .none
        case (.open, .channelClose(let replyCode, let replyText)):
            self.lifecycle = .closed
            return .closedByBroker(AMQPError(.channelClosed, replyText, replyCode: replyCode))
        case (.open, _): break
        }
        guard self.assembler.isIdle else {
            throw .protocolViolation("a method in the middle of a message", replyCode: 505)
        }
        switch method {
        case .basicAck(let tag, let multiple): return .settle(tag, multiple: multiple, acked: true)
        case .basicNack(let tag, let multiple): return .settle(tag, multiple: multiple, acked: false)
        case .content(.getOk):
            guard self.requests.first?.reply == .get else { throw Self.unexpected }
            fallthrough
        case .content:
            guard case .content(let method) = method else { return .none }
            try self.assembler.received(method)
            return .none
        case .basicCancel(let consumerTag, let noWait): return .consumerCancelled(consumerTag, answer: !noWait)
        case .channelFlow(let active): return .answerFlow(active: active)
        case .basicGetEmpty: return .replyToGet(try self.answered(.get), nil)
        case .done(let done): return .reply(try self.answered(.done(done)), method)
        case .queueDeclareOk: return .reply(try self.answered(.queueDeclareOk), method)
        case .queuePurgeOk: return .reply(try self.answered(.queuePurgeOk), method)
        case .queueDeleteOk: return .reply(try self.answered(.queueDeleteOk), method)
        case .basicConsumeOk: return .reply(try self.answered(.consumeOk), method)
        case .basicCancelOk: return .reply(try self.answered(.cancelOk), method)
        case .channelCloseOk, .channelClose: throw Self.unexpected
        case .connectionStart, .connectionTune, .connectionOpenOk, .connectionClose, .connectionCloseOk,
            .connectionBlocked,
            .connectionUnblocked:
            throw .protocolViolation("a connection method on a channel", replyCode: 503)
        }
    }

    /// Frames that follow a channel's end are to be ignored; their content need not be decoded.
    var takesContent: Bool { self.lifecycle == .open }

    mutating func received(_ header: AMQPContentHeader) throws(AMQPError) -> Action {
        guard self.takesContent else { return .none }
        return try self.action(for: try self.assembler.received(header))
    }

    mutating func received(body: ByteBuffer) throws(AMQPError) -> Action {
        guard self.takesContent else { return .none }
        return try self.action(for: try self.assembler.received(body: body))
    }

    private mutating func action(for content: AMQPContentAssembler.Content?) throws(AMQPError) -> Action {
        guard let content else { return .none }
        switch content.method {
        case .deliver: return .deliver(content)
        case .getOk: return .replyToGet(try self.answered(.get), content)
        case .returned:
            guard self.confirms else { return .returned(tag: nil, content) }
            guard let tag = content.properties.headers[AMQPMessage.publishTagHeader]?.integerValue, tag > 0 else {
                throw .protocolViolation("a returned message without its publish tag", replyCode: 503)
            }
            return .returned(tag: UInt64(tag), content)
        }
    }

    private mutating func answered(_ reply: Reply) throws(AMQPError) -> RequestID {
        guard let first = self.requests.first, first.reply == reply else { throw Self.unexpected }
        self.requests.removeFirst()
        return first.id
    }

    private static var unexpected: AMQPError { .protocolViolation("an answer that nothing asked for", replyCode: 503) }
}
