import Foundation
import TestSupport

/// Why a test can't go on.
struct TestFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The programs that the build makes, as people run them.
enum Programs {
    static var flotilla: String { get throws { try path(of: "flotilla") } }
    static var sandbox: String { get throws { try path(of: "flotilla-sandbox") } }

    /// In the folder that `FLOTILLA_TEST_PRODUCTS` names, beside the tests, or where `swift build` puts programs.
    private static func path(of name: String) throws -> String {
        var folders: [String] = []
        if let folder = ProcessInfo.processInfo.environment["FLOTILLA_TEST_PRODUCTS"] { folders.append(folder) }
        let tests = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        folders.append(tests.split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" })
        folders.append(FileManager.default.currentDirectoryPath + "/.build/debug")
        guard let found = folders.map({ "\($0)/\(name)" }).first(where: FileManager.default.isExecutableFile) else {
            throw TestFailure("\(name) is in none of \(folders): run the tests with `make test`, which builds it")
        }
        return found
    }

    /// Starts `flotilla ROLE`. What the tests' own environment tells about a bot counts for nothing.
    static func start(_ role: String, _ settings: [String: String]) throws -> ChildProcess {
        try ChildProcess(
            try self.flotilla, [role],
            environment: ["DISCORD_TOKEN": "", "FLOTILLA_LOG_FORMAT": "json"].merging(settings) { $1 })
    }
}
