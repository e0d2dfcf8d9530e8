import DequeModule
import Discord
import NIOCore
import Synchronization

/// Uploaded files, in memory: at most 64 MiB, the oldest go first.
final class AttachmentStore: Sendable {
    struct Stored: Sendable {
        let type: String
        let bytes: ByteBuffer
    }

    private struct State: Sendable {
        var files: [String: Stored] = [:]
        var order: Deque<String> = []
        var size = 0
    }

    private static let limit = 64 << 20
    private let state = Mutex(State())

    /// A request's file on its way to a message that may yet be refused: nothing of it is kept before `keep`.
    struct Upload: Sendable {
        let path: String
        let file: RESTBody.File
        /// The attachment object.
        let json: JSONValue

        init(_ file: RESTBody.File, id: Snowflake, channel: Snowflake, baseURL: String) {
            let name = AttachmentStore.safeName(file.filename)
            self.path = "/attachments/\(channel)/\(id)/\(name)"
            self.file = file
            self.json = [
                "id": .id(id), "filename": .string(name), "size": .integer(file.bytes.readableBytes),
                "url": .string(baseURL + self.path), "proxy_url": .string(baseURL + self.path),
                "content_type": .string(file.contentType),
            ]
        }
    }

    /// Keeps the files of a message that was taken.
    func keep(_ uploads: [Upload]) {
        guard !uploads.isEmpty else { return }
        self.state.withLock { state in
            for upload in uploads {
                state.files[upload.path] = Stored(type: upload.file.contentType, bytes: upload.file.bytes)
                state.order.append(upload.path)
                state.size += upload.file.bytes.readableBytes
            }
            while state.size > Self.limit, let oldest = state.order.popFirst() {
                state.size -= state.files.removeValue(forKey: oldest)?.bytes.readableBytes ?? 0
            }
        }
    }

    func file(at path: String) -> Stored? { self.state.withLock { $0.files[path] } }

    fileprivate static func safeName(_ name: String) -> String {
        let allowed = name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_" }
        let text = String(String(allowed).suffix(100))
        return text.isEmpty ? "file" : text
    }
}
