import ClusterAPI
import Foundation
import NIOCore
import NIOFoundationCompat
import Synchronization

/// What members are told, in JSON. While the version stays the same bytes do: all that moves under one version is how
/// far sessions are that the member itself runs.
final class DesiredAnswers: Sendable {
    private struct Entry {
        let incarnation: Int
        let version: Int
        let body: ByteBuffer
    }

    /// Members come and go under new names.
    private static let most = 5_000

    private let entries = Mutex<[String: Entry]>([:])

    func body(for member: String, incarnation: Int, _ desired: DesiredState) throws -> ByteBuffer {
        if let entry = self.entries.withLock({ $0[member] }), entry.version == desired.version,
            entry.incarnation == incarnation
        {
            return entry.body
        }
        let body = ByteBuffer(data: try ClusterJSON.encoder().encode(desired))
        self.entries.withLock { entries in
            if entries.count >= Self.most { entries.removeAll() }
            entries[member] = Entry(incarnation: incarnation, version: desired.version, body: body)
        }
        return body
    }
}
