import NIOCore

/// A request that is split over the nodes of a cluster, and put together again.
final class ClusterRequest {
    /// One command of it that has no final result yet.
    struct Item {
        let index: Int
        let bytes: ByteBuffer
        let route: ClusterRoute
        var attempts = 0

        /// After one more attempt.
        var tried: Item {
            var item = self
            item.attempts += 1
            return item
        }
    }

    let request: RedisRequest
    private var results: [RESPValue]
    private var remaining: Int

    init(_ request: RedisRequest) {
        self.request = request
        self.results = Array(repeating: .null, count: request.count)
        self.remaining = request.count
    }

    func items() -> [Item] {
        var items: [Item] = []
        items.reserveCapacity(self.request.count)
        var bytes = self.request.bytes
        while let command = EncodedCommand(from: &bytes) {
            items.append(Item(index: items.count, bytes: command.bytes, route: command.route))
        }
        return items
    }

    /// The final result of one command; the last one completes the request.
    func settle(_ index: Int, _ value: RESPValue) {
        self.results[index] = value
        self.remaining -= 1
        if self.remaining == 0 { self.request.completion(self.results) }
    }
}
