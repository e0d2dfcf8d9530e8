import ClusterAPI
import Foundation

/// The API's JSON, for programs that read standard output.
package enum JSONText {
    /// - Parameter isPretty: on several lines; else one, for streams of values.
    package static func of(_ value: some Encodable, isPretty: Bool = true) throws -> String {
        let encoder = ClusterJSON.encoder()
        if isPretty { encoder.outputFormatting.insert(.prettyPrinted) }
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
