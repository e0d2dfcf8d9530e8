import NIOCore
import Synchronization

/// One attempt to connect: its first outcome counts, and a failure closes whatever was opened.
final class ConnectAttempt: Sendable {
    private struct State {
        var channels: [any Channel] = []
        var isOver = false
    }

    private let state = Mutex(State())
    private let promise: EventLoopPromise<GatewayConnection>

    init(eventLoop: any EventLoop) { self.promise = eventLoop.makePromise() }

    var result: EventLoopFuture<GatewayConnection> { self.promise.futureResult }

    /// A socket for one of the host's addresses exists; false when it is not wanted any more.
    func opened(_ channel: any Channel) -> Bool {
        self.state.withLock { state in
            if !state.isOver { state.channels.append(channel) }
            return !state.isOver
        }
    }

    func succeed(_ connection: GatewayConnection) {
        let isFirst = self.state.withLock { state in
            defer { state.isOver = true }
            return !state.isOver
        }
        if isFirst { self.promise.succeed(connection) } else { connection.drop() }
    }

    func fail(_ error: GatewayError) {
        let channels = self.state.withLock { state -> [any Channel]? in
            guard !state.isOver else { return nil }
            state.isOver = true
            return state.channels
        }
        guard let channels else { return }
        self.promise.fail(error)
        for channel in channels { channel.close(promise: nil) }
    }
}
