import Discord
import Runtime
import Testing

@testable import Applications

@Suite("Settings of applications")
struct ApplicationSettingsTests {
    private static func read(
        _ environment: [String: String]
    ) -> (tokens: ApplicationTokens, shards: PerApplication<Int>, problems: [ConfigurationError.Problem]) {
        let reader = SettingsReader(SettingsSource(environment: environment))
        let tokens = reader.applicationTokens()
        let shards = reader.perApplication(
            "shards", default: 0, in: 0...100, tokens: tokens, help: "How many shards there are.")
        do throws(ConfigurationError) {
            try reader.finish()
            return (tokens, shards, [])
        } catch {
            return (tokens, shards, error.problems)
        }
    }

    @Test func `Each application has its own value, or that of all`() {
        let read = Self.read([
            "FLOTILLA_DISCORD_TOKENS": "10=a,20=b,30=c", "FLOTILLA_SHARDS": "4",
            "FLOTILLA_SHARDS_BY_APPLICATION": "10=2, 20=3",
        ])
        #expect(read.problems.isEmpty, "\(read.problems)")
        #expect([10, 20, 30].map { read.shards[$0] } == [2, 3, 4])
    }

    @Test(arguments: [["DISCORD_TOKEN": "t"], ["DISCORD_TOKENS": "10=t"], ["FLOTILLA_DISCORD_TOKENS": "10=t"]])
    func `One of the two token settings is enough`(environment: [String: String]) {
        let read = Self.read(environment)
        #expect(read.problems.isEmpty && read.tokens.token(of: 10) == Secret("t"))
        #expect(read.shards[10] == 0)
    }

    @Test func `Without a token the setting is named`() {
        #expect(Self.read([:]).problems.map(\.variable) == ["FLOTILLA_DISCORD_TOKEN"])
    }

    @Test(arguments: [
        ("10=101", "\"101\""), ("10=x", "\"x\""), ("10", "\"10\""), ("10=1,10=2", "twice"), ("ten=1", "\"ten=1\""),
        ("20=1", "no token for application 20"),
    ])
    func `What is wrong with a list is told`(list: String, reason: String) {
        let problems = Self.read([
            "FLOTILLA_DISCORD_TOKENS": "10=hunter2", "FLOTILLA_SHARDS_BY_APPLICATION": list,
        ]).problems
        #expect(problems.map(\.variable) == ["FLOTILLA_SHARDS_BY_APPLICATION"])
        let expected = problems.first?.expected ?? ""
        #expect(expected.contains(reason) && expected.contains("from 0 to 100"), "\(expected)")
        #expect(!"\(problems)".contains("hunter2"))
    }

    @Test func `A token of another application is refused by name, and not shown`() {
        let other = "MTEwMDAwMDAwMDAwMDAwMDAwMg.abcdef.hunter2"
        let problems = Self.read(["FLOTILLA_DISCORD_TOKENS": "1100000000000000001=\(other)"]).problems
        #expect(problems.map(\.variable) == ["FLOTILLA_DISCORD_TOKENS"])
        let text = problems.first?.expected ?? ""
        #expect(text.contains("1100000000000000001") && text.contains("1100000000000000002"), "\(text)")
        #expect(!"\(problems)".contains("hunter2") && !"\(problems)".contains("MTEw"))
    }
}
