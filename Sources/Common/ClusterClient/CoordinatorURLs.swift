import Foundation
package import Runtime

/// The coordinators that a process may ask, in the order in which they were named. One of them leads.
package struct CoordinatorURLs: Sendable, Equatable {
    static let most = 8

    /// 1 to 8, each once.
    package let all: [CoordinatorURL]

    /// - Parameter text: URLs with commas between, such as `http://coordinator-0:7400,http://coordinator-1:7400`.
    package init(_ text: String) throws(CoordinatorURL.Malformed) {
        var all: [CoordinatorURL] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let url = try CoordinatorURL(part.trimmingCharacters(in: .whitespaces))
            guard !all.contains(url) else { throw .init(description: "\(url) is named twice") }
            all.append(url)
        }
        guard all.count <= Self.most else {
            throw .init(description: "\(all.count) URLs are more than \(Self.most)")
        }
        self.all = all
    }

    /// Reads `coordinator.url`. A bad value is a problem of the reader's, and the answer is not used then.
    ///
    /// - Parameter text: what counts when nothing is set; nil: it has to be.
    package init(_ reader: SettingsReader, default text: String?) {
        let read = reader.parsed(
            "coordinator.url", default: text, expected: "http://host:port, several with commas between",
            help: "The coordinators' HTTP API; several with commas between."
        ) { try CoordinatorURLs($0) }
        self = read ?? CoordinatorURLs(none: ())
    }

    private init(none: Void) { self.all = [] }
}
