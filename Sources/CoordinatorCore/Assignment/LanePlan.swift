/// Which worker reads which lane. Pure: the same input gives the same plan.
enum LanePlan {
    struct Worker: Sendable, Equatable {
        let id: String
        /// The most lanes it reads as primary.
        let capacity: Int
        /// Keeps what it has, and gets nothing new.
        var isClosed = false
    }

    /// Lanes keep their primary where they can; a lane whose primary is gone goes to its standby, which already has a
    /// consumer waiting.
    static func lanes(current: [ClusterState.LaneState], workers: [Worker]) -> [ClusterState.LaneState] {
        let workers = workers.sorted { $0.id < $1.id }
        let open = workers.filter { !$0.isClosed }
        let closed = Set(workers.filter(\.isClosed).map(\.id))
        let ids = Set(open.map(\.id))
        // What is left for those that are open.
        let rest = current.count { lane in !(lane.primary.map(closed.contains) ?? false) }
        let share = open.isEmpty ? 0 : (rest + open.count - 1) / open.count
        let floor = open.isEmpty ? 0 : rest / open.count
        let capacity = Dictionary(uniqueKeysWithValues: workers.map { ($0.id, $0.capacity) })
        var primaries: [String: Int] = [:]
        var planned = current

        func roomiest(but other: String?, in load: [String: Int]) -> String? {
            open.filter { $0.id != other && load[$0.id, default: 0] < $0.capacity }
                .min { (load[$0.id, default: 0], $0.id) < (load[$1.id, default: 0], $1.id) }?.id
        }

        for lane in planned.indices {
            if let primary = current[lane].primary, closed.contains(primary) {
                planned[lane] = .init(primary: primary)
                continue
            }
            let kept = [current[lane].primary, current[lane].standby].compactMap { $0 }.first { id in
                ids.contains(id) && primaries[id, default: 0] < min(share, capacity[id] ?? 0)
            }
            planned[lane] = .init(primary: kept)
            if let kept { primaries[kept, default: 0] += 1 }
        }
        for lane in planned.indices where planned[lane].primary == nil {
            planned[lane].primary = roomiest(but: nil, in: primaries)
            if let id = planned[lane].primary { primaries[id, default: 0] += 1 }
        }
        // A worker that is new, or below its fair share, takes lanes from those above it.
        for lane in planned.indices {
            guard let from = planned[lane].primary, !closed.contains(from), let to = roomiest(but: from, in: primaries),
                primaries[to, default: 0] < floor, primaries[from, default: 0] > floor
            else { continue }
            primaries[from, default: 0] -= 1
            primaries[to, default: 0] += 1
            planned[lane].primary = to
        }

        var standbys: [String: Int] = [:]
        let most = open.isEmpty ? 0 : (current.count + open.count - 1) / open.count
        for lane in planned.indices {
            let wished = [current[lane].standby, current[lane].primary].compactMap { $0 }.first { id in
                // The broker would give it the lane of a primary that is gone, before the one that is to have it.
                if closed.contains(id) {
                    return id == current[lane].standby
                        && (planned[lane].primary == nil || planned[lane].primary == current[lane].primary)
                }
                return ids.contains(id) && id != planned[lane].primary && standbys[id, default: 0] < most
            }
            planned[lane].standby =
                wished
                ?? open.filter { $0.id != planned[lane].primary }
                .min { (standbys[$0.id, default: 0], $0.id) < (standbys[$1.id, default: 0], $1.id) }?.id
            if let id = planned[lane].standby { standbys[id, default: 0] += 1 }
        }
        return planned
    }
}
