package import ClusterClient
import Foundation
package import Runtime

/// Where an operator's requests go, and with which token.
package struct CoordinatorAddress: Sendable, Equatable {
    package let urls: CoordinatorURLs
    package let token: Secret
    /// What to do when nobody answers there, for the end of a message.
    let hint: String

    /// What the command line says.
    package struct Choice: Sendable {
        package var coordinator: String?
        package var tokenFile: String?
        /// Of a `flotilla up`; nil: `.flotilla`, where nothing else is told.
        package var directory: String?

        package init(coordinator: String? = nil, tokenFile: String? = nil, directory: String? = nil) {
            self.coordinator = coordinator
            self.tokenFile = tokenFile
            self.directory = directory
        }
    }

    package static let usualDirectory = ".flotilla"

    /// The command line, then the settings, then a `flotilla up` in the working directory. An address and a token of
    /// different fleets are never put together: a fleet's token and address are taken both, or neither.
    package static func find(_ choice: Choice, settings: SettingsSource) throws(ConsoleError) -> CoordinatorAddress {
        if let directory = choice.directory {
            guard choice.coordinator == nil, choice.tokenFile == nil else {
                throw ConsoleError(.usage, "--directory stands for address and token: leave the other options out")
            }
            guard let local = try self.local(directory) else {
                throw ConsoleError(.usage, "no fleet was started in \(directory): \(LocalStackAddress.way)")
            }
            return local
        }
        let reader = SettingsReader(settings)
        let setURL = reader.optionalString("coordinator.url", help: "The coordinator's HTTP interface.")
        let setToken = reader.optionalSecret("operator.token", help: "An operator's token.")
        do {
            try reader.finish()
        } catch {
            throw ConsoleError(.usage, "\(error)")
        }
        let token = try choice.tokenFile.map { path throws(ConsoleError) in try self.token(in: path) } ?? setToken
        switch (choice.coordinator ?? setURL, token) {
        case (let url?, let token?):
            return CoordinatorAddress(urls: try self.urls(url), token: token, hint: "")
        case (nil, nil):
            if let local = try self.local(self.usualDirectory) { return local }
            throw ConsoleError(
                .usage,
                "where the coordinator is was not told, and no fleet was started in "
                    + "\(self.usualDirectory): \(LocalStackAddress.way)")
        case (_?, nil):
            throw ConsoleError(
                .usage, "the coordinator's address is told, but no token: set FLOTILLA_OPERATOR_TOKEN, or --token-file")
        case (nil, _?):
            throw ConsoleError(
                .usage, "a token is told, but no coordinator: set FLOTILLA_COORDINATOR_URL, or --coordinator")
        }
    }

    private static func local(_ directory: String) throws(ConsoleError) -> CoordinatorAddress? {
        guard let local = try LocalStackAddress.read(in: directory) else { return nil }
        return CoordinatorAddress(
            urls: local.coordinators, token: Secret(local.operatorToken),
            hint: " (\(directory) names that address: is `flotilla up` running there?)")
    }

    private static func token(in path: String) throws(ConsoleError) -> Secret {
        // Why it can't be read changes nothing about what to do.
        let text = (try? String(contentsOfFile: path, encoding: .utf8))?.trimmingCharacters(in: .whitespacesAndNewlines)
        guard let text, !text.isEmpty else {
            throw ConsoleError(.usage, "--token-file: \(path) is not a readable file with a token")
        }
        return Secret(text)
    }

    private static func urls(_ text: String) throws(ConsoleError) -> CoordinatorURLs {
        do {
            return try CoordinatorURLs(text)
        } catch {
            throw ConsoleError(
                .usage,
                "the coordinator's address can't be used: \(error); one such as http://127.0.0.1:7400 is expected")
        }
    }
}
