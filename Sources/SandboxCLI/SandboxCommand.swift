import ArgumentParser
import Foundation
import Logging
import Runtime
import Sandbox
import ServiceLifecycle

@main
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flotilla-sandbox",
        abstract: "A self-hosted, Discord-compatible gateway and REST API with a chat page.",
        discussion:
            "Every setting is an environment variable, such as FLOTILLA_SANDBOX_HTTP_PORT; --settings lists them.")

    @Flag(help: "List the settings and exit.") var settings = false

    @Flag(
        help: "Print the demo bot's development token and exit. It is the same everywhere, and worth nothing elsewhere."
    )
    var token = false

    func run() async throws {
        if self.token {
            FileHandle.standardOutput.write(Data("\(SandboxSettings.developmentBotToken)\n".utf8))
            return
        }
        do {
            try await self.serve()
        } catch {
            StandardError.write("flotilla-sandbox: \(error)\n")
            throw ArgumentParser.ExitCode(Self.exitCode(for: error))
        }
    }

    /// Files that can't be used are settings that are wrong.
    private static func exitCode(for error: any Error) -> Int32 {
        guard let error = error as? SandboxError else { return Runtime.ExitCode.code(for: error) }
        switch error.code {
        case .storeUnusable, .ledgerUnusable, .tlsUnusable: return Runtime.ExitCode.configuration
        case .noEntropy, .stopped: return Runtime.ExitCode.failure
        }
    }

    private func serve() async throws {
        let reader = SettingsReader(try .process())
        let logging = LoggingSettings(reader)
        let settings = SandboxSettings(reader)
        if self.settings {
            let lines = reader.declarations.map {
                "\($0.variable)  (\($0.type), \($0.defaultValue ?? "not set"))  \($0.help)\n"
            }
            FileHandle.standardOutput.write(Data(lines.joined().utf8))
            return
        }
        try reader.finish()
        logging.bootstrap()
        let logger = Logger(label: "flotilla.sandbox")
        // Other parts of Flotilla share the prefix: only the sandbox's own names are judged here.
        for (variable, nearest) in reader.unknownVariables() where variable.hasPrefix("FLOTILLA_SANDBOX_") {
            logger.warning("unknown setting", metadata: ["variable": "\(variable)", "nearest": "\(nearest ?? "none")"])
        }
        try await runServices([SandboxService(settings: settings, logger: logger)], logger: logger)
    }
}

/// Runs a sandbox until a graceful shutdown.
struct SandboxService: Service {
    let settings: SandboxSettings
    let logger: Logger

    func run() async throws {
        let sandbox = try await makeSandbox(self.settings, logger: self.logger)
        self.logger.info(
            "sandbox is ready",
            metadata: [
                "http.url": "\(sandbox.baseURL)", "gateway.url": "\(sandbox.gatewayURL)",
                "https.port": "\(sandbox.httpsPort.map(String.init) ?? "none")",
                "gateway.tls_port": "\(sandbox.gatewayTLSPort.map(String.init) ?? "none")",
            ])
        let stopped = await withTaskGroup(of: Result<Void, any Error>?.self) { tasks in
            tasks.addTask {
                do {
                    try await sandbox.waitUntilStopped()
                    return .success(())
                } catch {
                    return .failure(error)
                }
            }
            tasks.addTask {
                // Cancellation and shutdown both mean: stop.
                try? await gracefulShutdown()
                return nil
            }
            let first = await tasks.next() ?? nil
            await sandbox.stop()
            tasks.cancelAll()
            return first
        }
        if case .failure(let error) = stopped { throw error }
    }
}
