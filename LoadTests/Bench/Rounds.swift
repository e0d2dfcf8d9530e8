/// How often and how long each side of a comparison runs.
struct Rounds {
    let count: Int
    /// Of one round of one side.
    let length: Duration

    /// Runs both sides in turn, so that what else the machine does meets both, each of them first in every other round,
    /// after one short round of each that does not count.
    func compare<Ours, Limit>(
        ours: (Duration) async throws -> Ours, limit: (Duration) async throws -> Limit
    ) async throws -> (ours: [Ours], limit: [Limit]) {
        _ = try await limit(self.length / 4)
        _ = try await ours(self.length / 4)
        var samples: (ours: [Ours], limit: [Limit]) = ([], [])
        for round in 0..<self.count {
            if round.isMultiple(of: 2) { samples.limit.append(try await limit(self.length)) }
            samples.ours.append(try await ours(self.length))
            if !round.isMultiple(of: 2) { samples.limit.append(try await limit(self.length)) }
        }
        return samples
    }
}

extension Duration {
    var inSeconds: Double { self / .seconds(1) }
}
