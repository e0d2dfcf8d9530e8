import Gateway
import Testing

@Suite("Gateway URL", .timeLimit(.minutes(1)))
struct GatewayURLTests {
    @Test(arguments: [
        ("wss://gateway.discord.gg", "wss://gateway.discord.gg/?v=10&encoding=json&compress=zstd-stream"),
        ("wss://gateway.discord.gg/", "wss://gateway.discord.gg/?v=10&encoding=json&compress=zstd-stream"),
        ("WSS://gateway.discord.gg:443", "wss://gateway.discord.gg/?v=10&encoding=json&compress=zstd-stream"),
        ("ws://127.0.0.1:8080", "ws://127.0.0.1:8080/?v=10&encoding=json&compress=zstd-stream"),
        ("ws://localhost:80/", "ws://localhost/?v=10&encoding=json&compress=zstd-stream"),
        ("ws://[::1]:9000", "ws://[::1]:9000/?v=10&encoding=json&compress=zstd-stream"),
        ("wss://[::1]", "wss://[::1]/?v=10&encoding=json&compress=zstd-stream"),
        ("wss://h/path", "wss://h/path?v=10&encoding=json&compress=zstd-stream"),
        ("wss://h?v=9&shard=1&compress=zlib-stream", "wss://h/?shard=1&v=10&encoding=json&compress=zstd-stream"),
    ])
    func `A base URL gets the query once`(base: String, expected: String) throws {
        let url = try GatewayURL(base)
        #expect(url.description == expected)
        #expect(try GatewayURL(url.description).description == expected)
    }

    @Test
    func `Version and compression are set`() throws {
        #expect(try GatewayURL("ws://h", compression: .none).description == "ws://h/?v=10&encoding=json")
        let url = try GatewayURL("ws://h", version: 9, compression: .zlibStream)
        #expect(url.description == "ws://h/?v=9&encoding=json&compress=zlib-stream")
    }

    @Test(arguments: [
        "", "gateway.discord.gg", "https://gateway.discord.gg", "wss://", "wss://:443", "wss://h:0", "wss://h:65536",
        "wss://h:", "wss://h:1:2", "wss://h:+80", "wss://user@h", "wss://h/#f", "wss://h /", "wss://h\r\nX: y",
        "wss://[::1", "wss://[::1]x", "wss://[h]", "wss://hôte",
    ])
    func `What cannot be used is refused with a reason`(base: String) {
        let error = #expect(throws: GatewayError.self) { try GatewayURL(base) }
        #expect(error?.code == .invalidURL)
        #expect(error?.message.contains("cannot be used: ") == true)
    }
}
