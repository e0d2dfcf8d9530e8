import ClusterClient
import Foundation

/// The coordinators of a `flotilla up` in some directory, by what it writes down there.
struct LocalStackAddress: Sendable, Equatable {
    let coordinators: CoordinatorURLs
    let operatorToken: String

    /// Such files are a few hundred bytes.
    private static let mostBytes = 64 << 10

    /// nil: nothing is there.
    static func read(in directory: String) throws(ConsoleError) -> LocalStackAddress? {
        let (ports, secrets) = ("\(directory)/ports.json", "\(directory)/secrets")
        guard FileManager.default.fileExists(atPath: ports), FileManager.default.fileExists(atPath: secrets) else {
            return nil
        }
        return try self.parse(ports: try self.contents(ports), secrets: try self.contents(secrets), in: directory)
    }

    static func parse(ports: Data, secrets: Data, in directory: String) throws(ConsoleError) -> LocalStackAddress? {
        struct Secrets: Decodable { let `operator`: String }
        // The decoder's error could quote a secret.
        guard let ports = try? JSONDecoder().decode([String: Int].self, from: ports),
            let secrets = try? JSONDecoder().decode(Secrets.self, from: secrets)
        else { throw self.damaged(directory) }
        let names = ports.keys.filter { $0.wholeMatch(of: /coordinator(-[0-9]+)?/) != nil }.sorted()
        guard !names.isEmpty else { return nil }
        let urls = names.compactMap { ports[$0] }.map { "http://127.0.0.1:\($0)" }.joined(separator: ",")
        guard let coordinators = try? CoordinatorURLs(urls) else { throw self.damaged(directory) }
        return LocalStackAddress(coordinators: coordinators, operatorToken: secrets.operator)
    }

    private static func damaged(_ directory: String) -> ConsoleError {
        ConsoleError(.usage, "\(directory)/ports.json or \(directory)/secrets is damaged: \(self.way)")
    }

    static let way = "set FLOTILLA_COORDINATOR_URL and FLOTILLA_OPERATOR_TOKEN, or start a fleet with `flotilla up`"

    private static func contents(_ path: String) throws(ConsoleError) -> Data {
        do {
            let file = try FileHandle(forReadingFrom: URL(filePath: path))
            defer { try? file.close() }  // what was read is there
            return try file.read(upToCount: self.mostBytes) ?? Data()
        } catch {
            throw ConsoleError(
                .usage, "\(path) can't be read: be the user whose fleet runs there (\(error.localizedDescription))")
        }
    }
}
