package import ClusterAPI

/// Where a page of a list ends. Callers give it back as it is.
package enum PageCursor {
    package static func text(_ id: Int64) -> String { "p" + String(id, radix: 36) }

    package static func id(_ text: String) throws(Problem) -> Int64 {
        guard text.first == "p", let id = Int64(text.dropFirst(), radix: 36), id >= 0, Self.text(id) == text else {
            throw Problem(.badRequest, "cursor: what an earlier answer gave as nextCursor is expected")
        }
        return id
    }
}
