import ClusterAPI

/// What of its events a slot publishes, and whose guilds it keeps in the cache. While the shard count is changed two
/// generations have the same events; else it is all of them.
struct PublishedLanes: Sendable, Equatable {
    private let partition: LanePartition
    /// `nil`: all.
    private let lanes: [Bool]?
    /// `nil`: all.
    private let kept: [Bool]?
    /// What has no lane.
    let commands: Bool

    /// Everything.
    init(partition: LanePartition) { self.init(nil, partition: partition) }

    /// - Parameter told: `nil`: no shard count is being changed. Lanes that there are none of are passed over.
    init(_ told: GenerationPublishing?, partition: LanePartition) {
        func marks(_ numbers: [Int]) -> [Bool]? {
            var marks = Array(repeating: false, count: partition.count)
            for lane in numbers where marks.indices.contains(lane) { marks[lane] = true }
            return marks.contains(false) ? marks : nil
        }
        self.partition = partition
        self.lanes = told.flatMap { marks($0.lanes) }
        self.kept = told.flatMap { marks($0.cached ?? $0.lanes) }
        self.commands = told?.commands ?? true
    }

    // MARK: Publishing

    var isEmpty: Bool { self.lanes.map { !$0.contains(true) } ?? false }
    /// Of lanes.
    var count: Int { self.lanes.map { $0.count { $0 } } ?? self.partition.count }

    func contains(lane: Int) -> Bool { self.lanes.map { $0[lane] } ?? true }

    // MARK: The cache

    /// Every lane's number.
    var allLanes: Range<Int> { 0..<self.partition.count }
    var keepsAll: Bool { self.kept == nil }
    var keepsNone: Bool { self.kept.map { !$0.contains(true) } ?? false }

    func keeps(lane: Int) -> Bool { self.kept.map { $0[lane] } ?? true }
    func keeps(guild: UInt64) -> Bool { self.keeps(lane: self.lane(of: guild)) }
    func lane(of guild: UInt64) -> Int { self.partition.lane(guild: guild, channel: nil, shard: 0) }
}
