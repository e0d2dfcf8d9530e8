import NIOCore
import TestSupport
import Testing

@testable import Redis

@Suite(.timeLimit(.minutes(1))) struct RedisSubscriptionTests {
    private func text(_ message: RedisMessage?) -> String? { message.map { String(buffer: $0.payload) } }

    @Test func `Messages of channels and patterns arrive in order`() async throws {
        try await withSharedServer("messages") { client, prefix in
            let subscription = try await client.subscribe(to: [prefix + "a", prefix + "b"], patterns: [prefix + "p*"])
            for index in 0..<100 { try await client.command("PUBLISH", .string(prefix + "a"), "\(index)") }
            try await client.command("PUBLISH", .string(prefix + "other"), "not for us")
            try await client.command(
                "PUBLISH", .string(prefix + "pattern"), .buffer(ByteBuffer(bytes: [0, 255, 13, 10])))
            var messages = subscription.makeAsyncIterator()
            for index in 0..<100 {
                #expect(
                    await messages.next()
                        == RedisMessage(
                            channel: prefix + "a", pattern: nil, payload: ByteBuffer(string: "\(index)")
                        ))
            }
            #expect(
                await messages.next()
                    == RedisMessage(
                        channel: prefix + "pattern", pattern: prefix + "p*",
                        payload: ByteBuffer(bytes: [0, 255, 13, 10])
                    ))
            #expect(subscription.dropped == 0)
        }
    }

    @Test func `A slow reader loses the oldest messages, and knows how many`() async throws {
        try await withSharedServer("slow") { client, prefix in
            let channel = prefix + "c"
            let slow = try await client.subscribe(to: [channel], bufferLimit: 10)
            let quick = try await client.subscribe(to: [channel], bufferLimit: 1_000)
            for index in 0..<100 { try await client.command("PUBLISH", .string(channel), "\(index)") }
            var last: String?
            for await message in quick {
                last = String(buffer: message.payload)
                if last == "99" { break }
            }
            try await eventually("all messages") { slow.dropped == 90 }
            var messages = slow.makeAsyncIterator()
            #expect(self.text(await messages.next()) == "90")
            #expect(quick.dropped == 0)
        }
    }

    @Test func `Letting go unsubscribes, and subscribing again works`() async throws {
        let server = try await RedisServer()
        try await withClient(server.configuration) { client in
            func subscribers() async throws -> Int64? {
                try await client.command("PUBSUB", "NUMSUB", "c").array?.last?.integer
            }
            do {
                let subscription = try await client.subscribe(to: ["c"])
                #expect(try await subscribers() == 1)
                withExtendedLifetime(subscription) {}
            }
            try await eventually("no subscriber") { try await subscribers() == 0 }
            let subscription = try await client.subscribe(to: ["c"])
            try await client.command("PUBLISH", "c", "again")
            var messages = subscription.makeAsyncIterator()
            #expect(self.text(await messages.next()) == "again")
        }
    }

    @Test func `After CLIENT KILL and after a restart it is subscribed again, and counts the gap`() async throws {
        let server = try await RedisServer()
        try await withClient(server.configuration) { client in
            let subscription = try await client.subscribe(to: ["a"], patterns: ["b*"])
            var messages = subscription.makeAsyncIterator()
            try await client.command("PUBLISH", "a", "before")
            #expect(self.text(await messages.next()) == "before")

            try await client.command("CLIENT", "KILL", "TYPE", "pubsub")
            try await eventually("subscribed again") {
                try await client.command("PUBLISH", "bb", "killed").integer == 1
            }
            #expect(self.text(await messages.next()) == "killed")
            #expect(subscription.gaps == 1)

            try await server.stop()
            try await server.startAgain()
            try await client.waitUntilReady()
            try await eventually("subscribed again") {
                try await client.command("PUBLISH", "a", "restarted").integer == 1
            }
            #expect(self.text(await messages.next()) == "restarted")
            #expect(subscription.gaps == 2)
        }
    }

    @Test func `A channel that the user has no right to is an error; others go on`() async throws {
        let server = try await RedisServer(["--user", "app", "on", "nopass", "~*", "+@all", "resetchannels", "&open*"])
        try await withClient(RedisConfiguration(url: "redis://app:x@127.0.0.1:\(server.port)")) { client in
            let open = try await client.subscribe(to: ["open"])
            let error = try await redisError { try await client.subscribe(to: ["open2", "closed"]) }
            #expect(error.serverKind == "NOPERM")
            try await client.command("PUBLISH", "open", "x")
            var messages = open.makeAsyncIterator()
            #expect(self.text(await messages.next()) == "x")
        }
    }

    @Test func `Shutdown ends the subscription, no server times it out`() async throws {
        let server = try await RedisServer()
        let client = try RedisClient(configuration: server.configuration, logger: quiet)
        let subscription = try await client.subscribe(to: ["a"])
        await client.shutdown()
        var messages = subscription.makeAsyncIterator()
        #expect(await messages.next() == nil)

        try await server.stop()
        try await withClient(server.configuration) { client in
            let error = try await redisError { try await client.subscribe(to: ["a"], timeout: .milliseconds(200)) }
            #expect(error.code == .timedOut)
        }
    }
}
