import Discord
import Foundation
import Testing

@Suite("Permissions")
struct PermissionsTests {
    static let guild: Snowflake = 100
    static let owner: Snowflake = 1
    static let member: Snowflake = 2
    static let everyone: Permissions = [.viewChannel, .sendMessages]
    static let roles: [Snowflake: Permissions] = [
        100: everyone, 101: [.manageMessages], 102: [.administrator], 103: [.attachFiles],
    ]

    static func base(of member: Snowflake = member, _ held: [Snowflake]) -> Permissions {
        .base(guild: self.guild, owner: self.owner, member: member, roles: held) { self.roles[$0] }
    }

    static func effective(
        _ base: Permissions, _ held: [Snowflake], _ overwrites: [PermissionOverwrite], isTimedOut: Bool = false
    ) -> Permissions {
        .effective(
            base: base, guild: guild, member: member, roles: held, overwrites: overwrites, isTimedOut: isTimedOut)
    }

    static func role(_ id: Snowflake, allow: Permissions = [], deny: Permissions = []) -> PermissionOverwrite {
        PermissionOverwrite(id: id, type: .role, allow: allow, deny: deny)
    }

    @Test func `Base permissions are those of the roles`() {
        #expect(Self.base(of: Self.owner, []) == .all)
        #expect(Self.base([]) == Self.everyone)
        #expect(Self.base([101, 999]) == Self.everyone.union(.manageMessages))
        #expect(Self.base([102]) == .all)
    }

    @Test func `Overwrites apply as everyone, roles together, then the member`() {
        let base = Self.base([101, 103])
        #expect(!Self.effective(base, [101], [Self.role(100, deny: .sendMessages)]).contains(.sendMessages))
        // An allow of any role beats the denies of all, whatever their order.
        let mixed = [Self.role(103, allow: .sendMessages), Self.role(101, deny: .sendMessages)]
        #expect(Self.effective(base, [101, 103], mixed).contains(.sendMessages))
        #expect(Self.effective(base, [101, 103], mixed.reversed()).contains(.sendMessages))
        #expect(Self.effective(base, [101], mixed).contains(.sendMessages) == false)
        let own = PermissionOverwrite(id: Self.member, type: .member, allow: [], deny: .viewChannel)
        #expect(!Self.effective(base, [103], [Self.role(103, allow: .viewChannel), own]).contains(.viewChannel))
        // An overwrite for a role whose id is the member's is not the member's.
        #expect(Self.effective(base, [], [Self.role(Self.member, deny: .viewChannel)]).contains(.viewChannel))
    }

    @Test func `Administrators ignore overwrites and timeouts`() {
        let everything = [Self.role(100, deny: .all)]
        #expect(Self.effective(Self.base([102]), [102], everything, isTimedOut: true) == .all)
        #expect(Self.effective(Self.base([]), [], [], isTimedOut: true) == .viewChannel)
    }

    @Test func `Without sight nothing counts`() {
        let base: Permissions = [.sendMessages, .manageMessages, .embedLinks]
        #expect(base.usable() == [])
        let silent: Permissions = [.viewChannel, .embedLinks, .addReactions]
        #expect(silent.usable() == [.viewChannel, .addReactions])
        #expect(Permissions([.viewChannel, .speak]).usable(inVoice: true) == .viewChannel)
        #expect(
            Permissions([.viewChannel, .sendMessages, .embedLinks]).usable(inThread: true) == [
                .viewChannel, .sendMessages,
            ])
    }

    @Test func `JSON takes strings of any size and gives strings`() throws {
        let texts = #"["1071698660929","8866461766385663",5,"18446744073709551617"]"#
        let sets = try JSONDecoder().decode([Permissions].self, from: Data(texts.utf8))
        #expect(sets.map(\.rawValue) == [1_071_698_660_929, Permissions.all.rawValue, 5, 1])
        #expect(
            String(decoding: try JSONEncoder().encode([Permissions.all]), as: UTF8.self) == #"["8866461766385663"]"#)
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Permissions].self, from: Data(#"["-1"]"#.utf8))
        }
    }
}
