/// What an operator saw and did; times in milliseconds since the Unix epoch.
struct OperatorLog: Sendable {
    /// A slot that was shown as failed.
    struct Sighting: Sendable, Equatable {
        let at: Int64
        let shard: Int
        let numShards: Int
        let reason: String
    }

    struct Retry: Sendable, Equatable {
        let from: Int64
        let to: Int64
    }

    private(set) var sightings: [Sighting] = []
    var retries: [Retry] = []
    /// Answers to the leave to go on that were no success.
    var refused: [String] = []

    /// The same again within seconds is one sighting.
    mutating func see(_ sighting: Sighting) {
        let isKnown = self.sightings.contains {
            $0.shard == sighting.shard && $0.numShards == sighting.numShards && $0.reason == sighting.reason
                && sighting.at - $0.at < 1000
        }
        if !isKnown { self.sightings.append(sighting) }
    }
}
