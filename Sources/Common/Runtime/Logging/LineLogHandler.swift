import Foundation
package import Logging

/// Writes each log event as one line to standard error.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    private let label: String
    private let format: LogFormat
    private let output: LogOutput

    package init(label: String, level: Logger.Level, format: LogFormat, output: LogOutput = .standardError) {
        self.label = label
        self.logLevel = level
        self.format = format
        self.output = output
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var facts = self.metadata
        if let provided = self.metadataProvider?.get() { facts.merge(provided) { $1 } }
        if let given = event.metadata { facts.merge(given) { $1 } }
        if let error = event.error { facts["error"] = "\(error)" }
        let line = LogLine(
            level: event.level, message: "\(event.message)", label: self.label, facts: facts.mapValues { "\($0)" })
        self.output.write(line.rendered(as: self.format, at: Date()))
    }
}
