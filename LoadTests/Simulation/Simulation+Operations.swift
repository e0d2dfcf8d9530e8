import ClusterAPI
import CoordinatorCore

/// What operators ask for, at any time, also while everything goes wrong.
extension Simulation {
    private static let shardCounts = [1, 2, 3, 4, 6, 8, 12, 16]

    func planOperations() {
        for _ in 0..<self.random.below(8) { self.at(self.random.time(6, 60), Self.world, 0, .operation) }
        // In the quiet every member may have slots.
        for member in self.members {
            self.at(
                Scenario.faultsEnd - 1_000_000, Self.world, 0,
                .operates(OperatorRequest(.uncordon, member: member.name)))
            self.at(
                Scenario.faultsEnd + 4_000_000, Self.world, 0,
                .operates(OperatorRequest(.uncordon, member: member.name)))
        }
    }

    func askForSomething() throws(Violation) {
        guard let member = self.random.pick(self.members.filter { $0.kind == .shard })?.name,
            let application = self.random.pick(self.scenario.applications)
        else { return }
        let shard = self.random.below(application.numShards)
        let id = application.id
        let request: OperatorRequest =
            switch self.random.below(15) {
            case 0, 13, 14: OperatorRequest(.move, application: id, shard: shard, member: member)
            case 1: OperatorRequest(.pin, application: id, shard: shard, member: member)
            case 2: OperatorRequest(.unpin, application: id, shard: shard)
            case 3: OperatorRequest(.cordon, member: member)
            case 4: OperatorRequest(.uncordon, member: member)
            case 5: OperatorRequest(.drain, member: member)
            case 6: OperatorRequest(.rebalance)
            case 7: OperatorRequest(.reshard, application: id, shards: self.random.pick(Self.shardCounts))
            case 8: OperatorRequest(.abortReshard, application: id)
            case 9, 10: OperatorRequest(.restart)
            case 11: OperatorRequest(.abortRestart)
            default: OperatorRequest(.retry, application: id)
            }
        try self.operate(request)
    }
}
