import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

/// Asks a server on the loopback interface whether it answers as what it should be.
struct ReadinessProbe: Sendable {
    enum Question: Sendable, Equatable {
        /// 200 is yes.
        case http(path: String)
        /// Connects, sends `greeting` and waits for an answer that begins in one of the given ways.
        case tcp(greeting: [UInt8], answers: [[UInt8]])
    }

    let port: Int
    let question: Question

    /// RabbitMQ answers its protocol header with a method frame (Connection.Start) on channel 0.
    static func amqp(port: Int) -> ReadinessProbe {
        ReadinessProbe(
            port: port,
            question: .tcp(greeting: Array("AMQP".utf8) + [0, 0, 9, 1], answers: [[1, 0, 0]]))
    }

    /// Redis answers PING with PONG, or with `NOAUTH` when it wants the password first; while it loads, it says
    /// `LOADING`.
    static func redis(port: Int) -> ReadinessProbe {
        ReadinessProbe(
            port: port,
            question: .tcp(greeting: Array("PING\r\n".utf8), answers: [Array("+PONG".utf8), Array("-NOAUTH".utf8)]))
    }

    /// PostgreSQL answers a startup message with an authentication request; while it starts, with an error.
    static func postgres(port: Int, user: String, database: String) -> ReadinessProbe {
        var body: [UInt8] = [0, 3, 0, 0]
        for text in ["user", user, "database", database] { body += Array(text.utf8) + [0] }
        body.append(0)
        let length = UInt32(body.count + 4)
        let header = (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
        return ReadinessProbe(port: port, question: .tcp(greeting: header + body, answers: [Array("R".utf8)]))
    }

    /// The Erlang port mapper answers a names request with its own port number.
    static func epmd(port: Int) -> ReadinessProbe {
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: UInt32(port) >> (24 - 8 * $0)) }
        return ReadinessProbe(port: port, question: .tcp(greeting: [0, 1, UInt8(ascii: "n")], answers: [bytes]))
    }

    static func http(port: Int, path: String = "/readyz") -> ReadinessProbe {
        ReadinessProbe(port: port, question: .http(path: path))
    }

    /// One try, of 2 s at most.
    func answers() async -> Bool {
        // Refused, cut off and too slow are all "not yet".
        switch self.question {
        case .http(let path):
            let request = HTTPClientRequest(url: "http://127.0.0.1:\(self.port)\(path)")
            let response = try? await HTTPClient.shared.execute(request, timeout: .seconds(2))
            return response?.status == .ok
        case .tcp(let greeting, let answers):
            return (try? await self.exchange(greeting, answers)) ?? false
        }
    }

    private func exchange(_ greeting: [UInt8], _ answers: [[UInt8]]) async throws -> Bool {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.seconds(2))
            .connect(host: "127.0.0.1", port: self.port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let cut = channel.channel.eventLoop.scheduleTask(in: .seconds(2)) { channel.channel.close(promise: nil) }
        defer { cut.cancel() }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: greeting))
            var received: [UInt8] = []
            for try await part in inbound {
                received += part.readableBytesView
                if answers.contains(where: { received.starts(with: $0) }) { return true }
                if answers.allSatisfy({ received.count >= $0.count }) { return false }
            }
            return false
        }
    }
}
