import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

@Suite("Fault proxy", .timeLimit(.minutes(1)))
struct FaultProxyTests {
    /// A server that says all it hears again, a client, and the proxy between them.
    private struct Stage {
        let proxy: FaultProxy
        let client: any Channel
        let heard: Heard
        let server: any Channel
        let served: Heard

        static func run(_ body: (Stage) async throws -> Void) async throws {
            let served = Heard()
            let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Ear(served, echoes: true))
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            let proxy = FaultProxy(port: server.localAddress?.port ?? 0)
            try await proxy.start()
            let heard = Heard()
            let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Ear(heard, echoes: false))
                    }
                }
                .connect(host: "127.0.0.1", port: proxy.port).get()
            let stage = Stage(proxy: proxy, client: client, heard: heard, server: server, served: served)
            try await stage.say("hello", hears: "hello")
            try await body(stage)
            client.close(promise: nil)
            await proxy.stop()
            try await server.close()
        }

        func say(_ text: String) { self.client.writeAndFlush(ByteBuffer(string: text), promise: nil) }

        func say(_ text: String, hears: String) async throws {
            self.say(text)
            try await eventually("\(hears) at the client") { self.heard.text.hasSuffix(hears) }
        }
    }

    private final class Heard: Sendable {
        private let state = Mutex((text: "", bytes: 0, isOver: false, error: false))
        var text: String { self.state.withLock { $0.text } }
        var bytes: Int { self.state.withLock { $0.bytes } }
        var isOver: Bool { self.state.withLock { $0.isOver } }
        var hasFailed: Bool { self.state.withLock { $0.error } }

        func note(_ bytes: ByteBuffer) {
            self.state.withLock {
                $0.bytes += bytes.readableBytes
                if $0.text.utf8.count < 1 << 16 { $0.text += String(buffer: bytes) }
            }
        }
        func end() { self.state.withLock { $0.isOver = true } }
        func fail() { self.state.withLock { $0.error = true } }
    }

    private final class Ear: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let heard: Heard
        private let echoes: Bool

        init(_ heard: Heard, echoes: Bool) {
            self.heard = heard
            self.echoes = echoes
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.heard.note(self.unwrapInboundIn(data))
            if self.echoes { context.writeAndFlush(data, promise: nil) }
        }
        func channelInactive(context: ChannelHandlerContext) { self.heard.end() }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            self.heard.fail()
            context.close(promise: nil)
        }
    }

    @Test func `A reset and a proper end are told apart`() async throws {
        try await Stage.run { stage in
            stage.proxy.apply(.reset)
            try await eventually("the end") { stage.heard.isOver && stage.served.isOver }
            #expect(stage.heard.hasFailed)
            try await eventually("no connections") { stage.proxy.connections.isEmpty }
        }
        try await Stage.run { stage in
            stage.proxy.apply(.finish, to: stage.proxy.connections)
            try await eventually("the end") { stage.heard.isOver && stage.served.isOver }
            #expect(!stage.heard.hasFailed)
        }
    }

    @Test func `What is said in a stall comes after it`() async throws {
        try await Stage.run { stage in
            stage.proxy.apply(.stall(milliseconds: 600_000))
            stage.say("late")
            // It would be there by now.
            try await Task.sleep(for: .milliseconds(100))
            #expect(stage.heard.text == "hello")
            stage.proxy.mend()
            try await eventually("what was said") { stage.heard.text == "hellolate" }
        }
    }

    @Test func `One bit of what comes next is turned over`() async throws {
        try await Stage.run { stage in
            stage.proxy.apply(.corrupt(offset: 5))
            try await stage.say("ABC", hears: "ABB")
            try await stage.say("ABC", hears: "ABC")
            #expect(stage.served.text == "helloABCABC")
        }
    }

    @Test func `A half-open connection ends for the server alone`() async throws {
        try await Stage.run { stage in
            stage.proxy.apply(.halfOpen)
            try await eventually("the server's end") { stage.served.isOver }
            stage.say("anybody there?")
            // An end that is passed on would have come by now.
            try await Task.sleep(for: .milliseconds(50))
            #expect(!stage.heard.isOver && stage.heard.text == "hello")
        }
    }

    @Test func `Silence hides the server, not the client`() async throws {
        try await Stage.run { stage in
            stage.proxy.apply(.silence)
            stage.say("one")
            try await eventually("the server hears it") { stage.served.text == "helloone" }
            stage.proxy.mend()
            try await stage.say("two", hears: "two")
            #expect(stage.heard.text == "hellotwo")
        }
    }

    @Test func `Many bytes pass whole, also slowly`() async throws {
        try await Stage.run { stage in
            stage.proxy.apply(.slow(bytesPerSecond: 64 << 20))
            let size = 8 << 20
            stage.client.writeAndFlush(ByteBuffer(repeating: 0x61, count: size), promise: nil)
            try await eventually("all bytes") { stage.heard.bytes == size + 5 }
        }
    }

    @Test func `While it is cut nobody gets through`() async throws {
        try await Stage.run { stage in
            stage.proxy.cut()
            try await eventually("the end") { stage.heard.isOver }
            let refused = Heard()
            func connect(_ heard: Heard) async throws -> any Channel {
                try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(Ear(heard, echoes: false))
                        }
                    }
                    .connect(host: "127.0.0.1", port: stage.proxy.port).get()
            }
            _ = try await connect(refused)
            try await eventually("the refusal") { refused.isOver }
            stage.proxy.reopen()
            let taken = Heard()
            let client = try await connect(taken)
            client.writeAndFlush(ByteBuffer(string: "again"), promise: nil)
            try await eventually("an answer") { taken.text == "again" }
            client.close(promise: nil)
        }
    }
}
