import NIOCore

/// A channel on its event loop: who waits for which answer, consumers, confirms.
final class AMQPChannelCore {
    enum Answer: Sendable {
        case method(BrokerMethod)
        case content(AMQPContentAssembler.Content?)
    }

    struct Consumer {
        let onDelivery: @Sendable (AMQPDelivery) -> Void
        let onCancel: @Sendable (AMQPError?) -> Void
    }

    private struct Waiting {
        let promise: EventLoopPromise<Answer>
        let timer: Scheduled<Void>
        let consumer: Consumer?
    }

    let id: UInt16
    let connection: AMQPConnectionHandler
    private var state: AMQPChannelState
    private var waiting: [AMQPChannelState.RequestID: Waiting] = [:]
    private var consumers: [String: Consumer] = [:]
    private var confirms = AMQPConfirmWaiters()
    private var publishMethod = AMQPPublishMethod()
    private var flowStopped = false
    /// Held, with its delegate, until the channel is gone.
    private var facade: AMQPChannel?
    private var delegate: (any AMQPChannelDelegate)?
    private var closing: [EventLoopPromise<Bool>] = []
    private var isCloseAnswered = true
    private var closeError: AMQPError?

    init(id: UInt16, connection: AMQPConnectionHandler, delegate: (any AMQPChannelDelegate)?) {
        self.id = id
        self.connection = connection
        self.delegate = delegate
        self.state = AMQPChannelState(maximumMessageSize: connection.configuration.maximumMessageSize)
    }

    private var eventLoop: any EventLoop { self.connection.eventLoop }
    private var operationTimeout: TimeAmount { TimeAmount(self.connection.configuration.operationTimeout) }

    // MARK: Requests

    func open(promise: EventLoopPromise<AMQPChannel>) {
        let facade = AMQPChannel(core: self)
        self.facade = facade
        let answer = self.eventLoop.makePromise(of: Answer.self)
        answer.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success: promise.succeed(facade)
            case .failure(let error):
                self.close(promise: nil)
                promise.fail(error)
            }
        }
        self.request(.channelOpen, .done(.channelOpen), promise: answer)
    }

    func request(
        _ method: ClientMethod,
        _ reply: AMQPChannelState.Reply,
        consumer: Consumer? = nil,
        promise: EventLoopPromise<Answer>
    ) {
        guard self.state.isOpen else { return promise.fail(self.closedError) }
        do {
            try self.connection.write(method, channel: self.id)
        } catch {
            return promise.fail(error)
        }
        let request = self.state.request(reply)
        let timer = self.eventLoop.assumeIsolated().scheduleTask(in: self.operationTimeout) {
            guard let waiting = self.waiting.removeValue(forKey: request) else { return }
            // Deliveries that nobody expects would be held for ever; the end of the channel gives them back.
            if reply == .consumeOk || reply == .get { self.close(promise: nil) }
            waiting.promise.fail(AMQPError(.timedOut, "the broker did not answer \(method.name) in time"))
        }
        self.waiting[request] = Waiting(promise: promise, timer: timer, consumer: consumer)
    }

    private var closedError: AMQPError { self.closeError ?? AMQPError(.channelClosed, "channel \(self.id) is closed") }

    /// For what has no answer. Nothing happens on a closed channel.
    func send(_ method: ClientMethod) {
        guard self.state.isOpen else { return }
        self.write(method)
    }

    private func write(_ method: ClientMethod) {
        do {
            try self.connection.write(method, channel: self.id)
        } catch {
            self.connection.fail(error)
        }
    }

    // MARK: Publishing

    var isWritable: Bool {
        self.state.isOpen && !self.flowStopped && self.connection.status.isWritable
    }

    func publish(_ messages: [AMQPMessage]) throws(AMQPError) -> UInt64 {
        guard self.state.isOpen else { throw self.closedError }
        guard !self.flowStopped else { throw AMQPError(.backpressure, "the broker stopped channel \(self.id)") }
        let maximum = self.connection.configuration.maximumUnconfirmed
        guard !self.state.confirms || self.confirms.unsettledCount + messages.count <= maximum else {
            throw AMQPError(.backpressure, "\(self.confirms.unsettledCount) publishes wait for their confirms already")
        }
        let firstTag = self.state.confirms ? self.confirms.nextTag : nil
        try self.connection.publish(messages, firstTag: firstTag, channel: self.id, method: &self.publishMethod)
        guard firstTag != nil else { return 0 }
        return self.confirms.published(messages.count)
    }

    func publishConfirmed(_ messages: [AMQPMessage], timeout: TimeAmount?, promise: EventLoopPromise<Void>) {
        guard !messages.isEmpty else { return promise.succeed() }
        if !self.state.confirms {
            self.request(.confirmSelect, .done(.confirmSelect), promise: self.eventLoop.makePromise())
        }
        do {
            let first = try self.publish(messages)
            self.confirms.wait(
                for: first..<(first + UInt64(messages.count)),
                timeout: timeout ?? self.operationTimeout,
                on: self.eventLoop,
                promise: promise
            )
        } catch {
            promise.fail(error)
        }
    }

    func connectionWritabilityChanged(_ isWritable: Bool) {
        guard self.state.isOpen, !self.flowStopped, let facade = self.facade else { return }
        self.delegate?.writabilityChanged(isWritable, on: facade)
    }

    // MARK: Frames in

    var takesContent: Bool { self.state.takesContent }

    func received(_ method: BrokerMethod) throws(AMQPError) { try self.perform(try self.state.received(method)) }
    func received(_ header: AMQPContentHeader) throws(AMQPError) { try self.perform(try self.state.received(header)) }
    func received(body: ByteBuffer) throws(AMQPError) { try self.perform(try self.state.received(body: body)) }

    private func perform(_ action: AMQPChannelState.Action) throws(AMQPError) {
        switch action {
        case .none: return
        case .settle(let tag, let multiple, let acked):
            try self.confirms.settle(tag, multiple: multiple, acked: acked)
            self.tell(acked ? .ack(tag, multiple: multiple) : .nack(tag, multiple: multiple))
        case .deliver(let content): try self.deliver(content)
        case .returned(let tag, let content): try self.returned(content, tag: tag)
        case .reply(let request, let method): self.answered(request, method)
        case .replyToGet(let request, let content):
            self.finishWaiting(request)?.promise.succeed(.content(content))
        case .consumerCancelled(let consumerTag, let answer):
            if answer { self.write(.basicCancelOk(consumerTag: consumerTag)) }
            guard let consumer = self.consumers.removeValue(forKey: consumerTag) else { return }
            consumer.onCancel(AMQPError(.consumerCancelled, "the broker cancelled consumer \(consumerTag)"))
        case .answerFlow(let active):
            self.flowStopped = !active
            self.write(.channelFlowOk(active: active))
            if let facade = self.facade { self.delegate?.writabilityChanged(self.isWritable, on: facade) }
        case .closedByBroker(let error):
            self.write(.channelCloseOk)
            self.connection.forgetChannel(self.id)
            self.finish(error)
        case .closed:
            self.connection.forgetChannel(self.id)
            self.finish(nil)
        case .answerClose: self.write(.channelCloseOk)
        }
    }

    private func finishWaiting(_ request: AMQPChannelState.RequestID) -> Waiting? {
        let waiting = self.waiting.removeValue(forKey: request)
        waiting?.timer.cancel()
        return waiting
    }

    private func answered(_ request: AMQPChannelState.RequestID, _ method: BrokerMethod) {
        let waiting = self.finishWaiting(request)
        switch method {
        case .basicConsumeOk(let consumerTag):
            if let consumer = waiting?.consumer { self.consumers[consumerTag] = consumer }
        case .basicCancelOk(let consumerTag):
            self.consumers.removeValue(forKey: consumerTag)?.onCancel(nil)
        default: break
        }
        waiting?.promise.succeed(.method(method))
    }

    private func deliver(_ content: AMQPContentAssembler.Content) throws(AMQPError) {
        guard
            case .deliver(let consumerTag, let deliveryTag, let redelivered, let exchange, let routingKey) = content
                .method,
            let consumer = self.consumers[consumerTag]
        else { throw .protocolViolation("a delivery for a consumer that does not exist", replyCode: 503) }
        consumer.onDelivery(
            AMQPDelivery(
                consumerTag: consumerTag,
                deliveryTag: deliveryTag,
                redelivered: redelivered,
                exchange: exchange,
                routingKey: routingKey,
                properties: content.properties,
                body: content.body
            ))
    }

    private func returned(_ content: AMQPContentAssembler.Content, tag: UInt64?) throws(AMQPError) {
        guard case .returned(let replyCode, let replyText, let exchange, let routingKey) = content.method else {
            return
        }
        if let tag { try self.confirms.returned(tag, replyCode: replyCode, replyText: replyText) }
        var properties = content.properties
        properties.headers[AMQPMessage.publishTagHeader] = nil
        let returned = AMQPReturn(
            replyCode: replyCode,
            replyText: replyText,
            exchange: exchange,
            routingKey: routingKey,
            properties: properties,
            body: content.body
        )
        self.tell(.returned(tag, returned))
    }

    private func tell(_ settlement: AMQPSettlement) {
        guard let facade = self.facade else { return }
        self.delegate?.settled(settlement, on: facade)
    }

    // MARK: The end

    func close(promise: EventLoopPromise<Bool>?) {
        guard !self.state.isClosed else {
            promise?.succeed(self.isCloseAnswered)
            return
        }
        if let promise { self.closing.append(promise) }
        guard self.state.startClosing() else { return }
        self.write(.channelClose(replyCode: 200, replyText: "goodbye"))
        // The number stays taken until the broker answers: it may still send frames on it.
        _ = self.eventLoop.assumeIsolated().scheduleTask(in: self.operationTimeout) {
            guard self.closeError == nil else { return }
            self.isCloseAnswered = false
            self.finish(nil)
        }
    }

    /// nil: we closed the connection.
    func connectionClosed(_ error: AMQPError?) {
        self.state.connectionClosed()
        self.finish(error, failure: error ?? AMQPError(.connectionClosed, "the connection was closed"))
    }

    private func finish(_ error: AMQPError?, failure: AMQPError? = nil) {
        guard self.closeError == nil else { return }
        let failure = failure ?? error ?? AMQPError(.channelClosed, "channel \(self.id) was closed")
        self.closeError = failure
        self.facade?.markClosed()
        let waiting = self.waiting.sorted { $0.key < $1.key }
        self.waiting = [:]
        for (_, waiting) in waiting {
            waiting.timer.cancel()
            waiting.promise.fail(failure)
        }
        self.confirms.failAll(failure)
        let consumers = self.consumers.values
        self.consumers = [:]
        for consumer in consumers { consumer.onCancel(error) }
        if let facade = self.facade { self.delegate?.closed(error, on: facade) }
        self.facade = nil
        self.delegate = nil
        let closing = self.closing
        self.closing = []
        for promise in closing { promise.succeed(self.isCloseAnswered) }
    }
}
