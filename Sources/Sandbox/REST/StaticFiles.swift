import Foundation
import NIOCore

/// The chat page's files. Nothing outside the folder is reached, and nothing is listed.
struct StaticFiles: Sendable {
    private static let types = [
        "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8",
        "mjs": "text/javascript; charset=utf-8",
        "css": "text/css; charset=utf-8", "svg": "image/svg+xml", "png": "image/png", "ico": "image/x-icon",
        "json": "application/json", "map": "application/json", "woff2": "font/woff2",
        "txt": "text/plain; charset=utf-8",
    ]

    private static let headers = [
        (
            "Content-Security-Policy",
            "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data: http: https:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
        ),
        ("Cache-Control", "no-cache"), ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"),
    ]

    /// `nil`: no page is served.
    let folder: String?

    /// `nil` when there is no such file.
    func respond(to path: String, ifNoneMatch: String?) -> RESTResponse? {
        guard let folder, let decoded = path.removingPercentEncoding else { return nil }
        let parts = decoded.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        guard parts.allSatisfy({ !$0.hasPrefix(".") && !$0.contains("\0") && !$0.contains("\\") }), parts.count <= 8
        else { return nil }
        var candidates = [parts.isEmpty ? "index.html" : parts.joined(separator: "/")]
        if parts.first == "assets" { candidates.append(parts.dropFirst().joined(separator: "/")) }
        for candidate in candidates {
            guard let type = Self.types[URL(fileURLWithPath: candidate).pathExtension],
                // A file that can't be read is a file that is not there.
                let data = try? Data(contentsOf: URL(fileURLWithPath: folder).appendingPathComponent(candidate))
            else { continue }
            let tag = "\"\(SHA256.hexadecimal(data).prefix(32))\""
            var response = RESTResponse(status: 200)
            response.headers = Self.headers + [("ETag", tag)]
            if ifNoneMatch == tag {
                response.status = 304
            } else {
                response.file = (type, ByteBuffer(bytes: data))
            }
            return response
        }
        return nil
    }

    /// Uploads are shown as pictures or offered for download: never run in the page's origin.
    static func attachment(_ stored: AttachmentStore.Stored) -> RESTResponse {
        let isPicture = ["image/png", "image/jpeg", "image/gif", "image/webp"].contains(stored.type)
        var response = RESTResponse(status: 200)
        response.file = (isPicture ? stored.type : "application/octet-stream", stored.bytes)
        response.headers = [
            ("X-Content-Type-Options", "nosniff"), ("Content-Security-Policy", "default-src 'none'; sandbox"),
            ("Content-Disposition", isPicture ? "inline" : "attachment"), ("Cache-Control", "private, max-age=86400"),
        ]
        return response
    }
}
