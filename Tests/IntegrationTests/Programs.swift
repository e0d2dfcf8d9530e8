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

/// A port outside of the range that the kernel hands out by itself, so that it stays free until a program takes it.
func quietPort() throws -> Int {
    for _ in 0..<200 {
        let port = Int.random(in: 12_000..<32_000)
        if let holder = try? PortHolder(port: port) {
            holder.release()
            return port
        }
    }
    throw TestFailure("no free port")
}

/// Listens on a port of the loopback interface, so that nobody else can.
final class PortHolder: Sendable {
    private let descriptor: Int32
    let port: Int

    init(port: Int) throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(descriptor, 1) == 0
            }
        }
        guard isBound else {
            close(descriptor)
            throw TestFailure("port \(port) can't be listened on")
        }
        self.descriptor = descriptor
        self.port = port
    }

    func release() { close(self.descriptor) }
}
