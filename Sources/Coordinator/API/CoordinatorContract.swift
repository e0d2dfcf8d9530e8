import Foundation
import NIOCore
import NIOFoundationCompat

/// The contract of the HTTP interface, served as it is kept in `Resources/openapi.json`.
enum CoordinatorContract {
    static func openAPI() throws -> ByteBuffer {
        guard let url = Bundle.module.url(forResource: "openapi", withExtension: "json") else {
            throw CocoaError(.fileNoSuchFile)
        }
        return ByteBuffer(data: try Data(contentsOf: url))
    }
}
