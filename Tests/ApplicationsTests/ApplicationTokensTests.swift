import Discord
import Foundation
import Runtime
import Testing

@testable import Applications

@Suite("Tokens of applications")
struct ApplicationTokensTests {
    private static let first: Snowflake = 1_100_000_000_000_000_001
    private static let second: Snowflake = 1_100_000_000_000_000_002

    private static func token(_ bot: Snowflake) -> String {
        Data("\(bot)".utf8).base64EncodedString().filter { $0 != "=" } + ".abcdef.signature=\(bot.rawValue % 7)"
    }

    @Test func `A token tells its bot's id, and a text of another shape none`() {
        #expect(Secret(Self.token(Self.first)).botID == Self.first)
        for text in ["", ".", "x", "abc.def", "LTE.a.b", "é.a.b"] { #expect(Secret(text).botID == nil) }
    }

    @Test func `Tokens are found by application`() throws {
        let list = Secret(" \(Self.first) = \(Self.token(Self.first)),\n\(Self.second)=\(Self.token(Self.second))\n")
        let tokens = try ApplicationTokens(unnamed: Secret("x"), list: list)
        #expect(tokens.token(of: Self.first) == Secret(Self.token(Self.first)))
        #expect(tokens.token(of: Self.second) == Secret(Self.token(Self.second)))
        #expect(tokens.token(of: 3) == Secret("x"))
        #expect(tokens.entries.map(\.application) == [Self.first, Self.second, nil])
        #expect(ApplicationTokens().token(of: 1) == nil && ApplicationTokens().entries.isEmpty)
    }

    @Test func `A token without an application serves its own and no other`() throws {
        let tokens = try ApplicationTokens(unnamed: Secret(Self.token(Self.first)), list: nil)
        #expect(tokens.token(of: Self.first) != nil)
        #expect(tokens.token(of: Self.second) == nil)
        // An application of 2016, whose bot has another id.
        #expect(tokens.token(of: Snowflake(milliseconds: 1_470_000_000_000)) != nil)
        #expect(tokens.entries.map(\.likelyApplication) == [Self.first])
    }

    @Test func `A token that is given twice is one`() throws {
        let list = Secret("\(Self.first)=\(Self.token(Self.first))")
        #expect(try ApplicationTokens(unnamed: Secret(Self.token(Self.first)), list: list).entries.count == 1)
        #expect(try ApplicationTokens(unnamed: Secret("b"), list: Secret("1=b")).entries.count == 1)
    }

    @Test(
        arguments: [
            ("1=a,x=secret", "pair 2"), ("secret", "pair 1"), ("1=", "pair 1"), ("=secret", "pair 1"),
            ("1=secret,1=other", "application 1"), (",\n,", "none"),
            ("\(first)=\(token(second))", "application \(first)"),
            ("\(first)=\(token(second))", "application \(second)"),
        ])
    func `What can't be used is told without a token`(list: String, named: String) {
        let error = #expect(throws: ApplicationTokens.Malformed.self) {
            try ApplicationTokens(unnamed: nil, list: Secret(list))
        }
        let text = error?.description ?? ""
        #expect(text.contains(named) && !text.contains("secret") && !text.contains("signature"), "\(text)")
    }
}
