import ArgumentParser
import Foundation
import Logging
import Runtime

/// Reads a role's settings, sets up its log and runs it; what goes wrong is told on standard error with an exit code of
/// its own.
func startRole<Settings>(
    _ name: String,
    read: (SettingsReader) -> Settings,
    run: (Settings, Logger) async throws -> Void
) async throws {
    do {
        let reader = SettingsReader(try SettingsSource.process())
        let logging = LoggingSettings(reader)
        let settings = read(reader)
        try reader.finish()
        logging.bootstrap()
        let logger = Logger(label: "flotilla.\(name)")
        for unknown in reader.unknownVariables() {
            logger.warning(
                "a setting is not known to this role",
                metadata: ["setting": "\(unknown.variable)", "setting.nearest": "\(unknown.nearest ?? "")"])
        }
        try await run(settings, logger)
    } catch {
        StandardError.write("flotilla \(name): \(error)\n")
        throw ArgumentParser.ExitCode(Runtime.ExitCode.code(for: error))
    }
}
