import Foundation
import TestSupport
import Testing

@testable import LocalStack

@Suite("The stack's directory", .timeLimit(.minutes(1)))
struct StackDirectoryTests {
    @Test(arguments: ["lock", "secrets", "redis"])
    func `A stack of another user is refused by name`(part: String) throws {
        let directory = try TemporaryDirectory("owned")
        #expect(FileManager.default.createFile(atPath: directory.path(part), contents: nil))
        let owner = UserName.of(geteuid())
        let error = #expect(throws: LocalStackError.self) {
            try StackDirectory(creating: directory.path, for: geteuid() + 1)
        }
        let message = try #require(error?.message)
        #expect(message.contains("\(part) belongs to user \(owner)"), "\(message)")
        #expect(message.contains("--directory"), "\(message)")
    }

    @Test func `What else lies in a directory doesn't matter, nor who uses a new one`() throws {
        let directory = try TemporaryDirectory("shared")
        #expect(FileManager.default.createFile(atPath: directory.path("notes"), contents: nil))
        #expect(throws: Never.self) { try StackDirectory(creating: directory.path, for: geteuid() + 1) }
    }

    @Test func `The same user comes back to it`() throws {
        let directory = try TemporaryDirectory("again")
        let first = try StackDirectory(creating: directory.path)
        _ = try StackLock(first)
        _ = try StackSecrets.load(in: first)
        #expect(throws: Never.self) { try StackDirectory(creating: directory.path) }
    }

    @Test func `A user without a name is called by number`() {
        #expect(UserName.of(0) == "root")
        #expect(UserName.of(4_123_456_789) == "4123456789")
    }
}
