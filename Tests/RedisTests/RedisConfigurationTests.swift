import Testing

@testable import Redis

@Suite struct RedisConfigurationTests {
    @Test func `All parts of a URL are read`() throws {
        let configuration = try RedisConfiguration(url: "rediss://us%40er:p%3Aa%2Fss%25@redis.example:6380/3")
        #expect(configuration.endpoints == [.init(host: "redis.example", port: 6380)])
        #expect(configuration.username == "us@er")
        #expect(configuration.password == "p:a/ss%")
        #expect(configuration.database == 3)
        #expect(configuration.tls != nil)
        #expect(!configuration.isCluster)
    }

    @Test func `What is left out has its default`() throws {
        let configuration = try RedisConfiguration(url: "redis://localhost")
        #expect(configuration.endpoints == [.init(host: "localhost", port: 6379)])
        #expect(configuration.username == nil)
        #expect(configuration.password == nil)
        #expect(configuration.database == 0)
        #expect(configuration.tls == nil)
        #expect(try RedisConfiguration(url: "redis://:secret@h/").password == "secret")
        #expect(try RedisConfiguration(url: "redis://[::1]:7000").endpoints == [.init(host: "::1", port: 7000)])
        #expect(try RedisConfiguration(url: "redis://[::1]").endpoints == [.init(host: "::1", port: 6379)])
    }

    @Test func `Several hosts are a cluster`() throws {
        let configuration = try RedisConfiguration(url: "redis://:x@a:1,b:2,[::1]:3")
        #expect(configuration.endpoints.map(\.description) == ["a:1", "b:2", "[::1]:3"])
        #expect(configuration.isCluster)
        #expect(try RedisConfiguration(url: "rediss+cluster://a").isCluster)
    }

    @Test(arguments: [
        "", "localhost", "http://x", "redis://", "redis://:pw@", "redis://h:0", "redis://h:65536", "redis://h:x",
        "redis://h/x", "redis://h/-1", "redis://u%4:p@h", "redis://u%zz:p@h", "redis://%ff:p@h", "redis://user@h",
        "redis://h?x=1", "redis://[::1", "redis://[::1]x", "redis://a:1,", "redis://a,b/1",
    ])
    func `Nonsense is refused by name`(url: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func `No password is printed`() throws {
        let configuration = try RedisConfiguration(url: "redis://user:hunter2@h")
        #expect(!"\(configuration)".contains("hunter2"))
        #expect(!String(reflecting: configuration).contains("hunter2"))
        var dumped = ""
        dump(configuration, to: &dumped)
        #expect(!dumped.contains("hunter2"))
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: "redis://user:hunter2@h:x") }
        #expect(error.map { !"\($0)".contains("hunter2") } == true)
    }

    @Test(arguments: [
        ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("return 1", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"),
        (String(repeating: "a", count: 1_000), "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
    ])
    func `Scripts are named by SHA-1`(source: String, digest: String) {
        #expect(RedisScript(source).sha1 == digest)
    }
}
