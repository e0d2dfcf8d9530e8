package import Logging

/// How much is logged, and as what.
package struct LoggingSettings: Sendable {
    package let level: Logger.Level
    package let format: LogFormat

    package init(_ reader: SettingsReader) {
        self.level = reader.choice(
            "log.level", default: Logger.Level.info, aliases: ["LOG_LEVEL"], help: "Least severe level that is logged.")
        self.format = reader.choice(
            "log.format", default: LogFormat.text, help: "`json` for machines, `text` for a terminal.")
    }

    /// Makes every `Logger` of this process write lines to standard error. Call once, first.
    package func bootstrap() {
        let settings = self
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, level: settings.level, format: settings.format)
        }
    }
}
