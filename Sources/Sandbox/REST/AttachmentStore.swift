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

    /// Keeps a request's files and gives their attachment objects.
    func keep(_ files: [RESTBody.File], channel: Snowflake, ids: [Snowflake], baseURL: String) -> [JSONValue] {
        zip(files, ids).map { file, id in
            let name = Self.safeName(file.filename)
            let path = "/attachments/\(channel)/\(id)/\(name)"
            self.state.withLock { state in
                state.files[path] = Stored(type: file.contentType, bytes: file.bytes)
                state.order.append(path)
                state.size += file.bytes.readableBytes
                while state.size > Self.limit, let oldest = state.order.popFirst() {
                    state.size -= state.files.removeValue(forKey: oldest)?.bytes.readableBytes ?? 0
                }
            }
            return [
                "id": .id(id), "filename": .string(name), "size": .integer(file.bytes.readableBytes),
                "url": .string(baseURL + path), "proxy_url": .string(baseURL + path),
                "content_type": .string(file.contentType),
            ]
        }
    }

    func file(at path: String) -> Stored? { self.state.withLock { $0.files[path] } }

    private static func safeName(_ name: String) -> String {
        let allowed = name.map { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) ? $0 : "_" }
        let text = String(String(allowed).suffix(100))
        return text.isEmpty ? "file" : text
    }
}
