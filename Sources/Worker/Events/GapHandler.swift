import ClusterAPI
import Foundation
import Logging
import NIOCore
import Runtime

/// Tells the modules that events may be missing. Each lane has the record, so that a module hears it in order with the
/// lane's events; a module that keeps state of the lane's guilds may want to read it anew.
struct GapHandler: Sendable {
    let modules: [any WorkerModule]
    let metrics: WorkerMetrics
    let logger: Logger

    /// - Parameter lane: the routing key that the record came with.
    func handle(_ event: WorkerEvent, lane: String) throws {
        let record = try JSONDecoder().decode(GapRecord.self, from: Data(event.payload.readableBytesView))
        self.metrics.gaps.increment()
        self.logger.warning(
            "a session was lost: events may be missing",
            metadata: [
                "shard.slot": "\(record.application).\(record.generation).\(record.shard)",
                "broker.routing_key": "\(lane)", "gateway.session": "\(record.session)",
                "gateway.sequence": "\(record.after)", "reason": "\(record.reason)",
            ])
        for module in self.modules { module.sessionLost(record, lane: lane) }
    }
}
