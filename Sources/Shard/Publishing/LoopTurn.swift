import Foundation
import NIOCore
import Runtime

/// One turn of an event loop: what comes in it shares a reading of the clock, is counted in one go, and leaves
/// together. Confined to its event loop.
final class LoopTurn {
    private let eventLoop: any EventLoop
    private let metrics: ShardMetrics
    private var hasBegun = false
    /// When the turn began, and the same since 1970.
    private(set) var began = ContinuousClock.now
    private(set) var milliseconds: Int64 = 0
    var events = 0
    var bytes = 0
    var filtered = 0
    var muted = 0
    var repeated = 0
    /// Called at the end of each turn that began.
    var onEnd: () -> Void = {}

    init(eventLoop: any EventLoop, metrics: ShardMetrics) {
        self.eventLoop = eventLoop
        self.metrics = metrics
    }

    /// More often than once in a turn does nothing.
    func begin() {
        guard !self.hasBegun else { return }
        self.hasBegun = true
        self.began = .now
        self.milliseconds = Int64(Date().timeIntervalSince1970 * 1000)
        self.eventLoop.assumeIsolated().execute { self.end() }
    }

    private func end() {
        self.hasBegun = false
        if self.events > 0 { self.metrics.events.increment(by: self.events) }
        if self.bytes > 0 { self.metrics.eventBytes.increment(by: self.bytes) }
        if self.filtered > 0 { self.metrics.filtered.increment(by: self.filtered) }
        if self.muted > 0 { self.metrics.muted.increment(by: self.muted) }
        if self.repeated > 0 { self.metrics.repeated.increment(by: self.repeated) }
        (self.events, self.bytes, self.filtered, self.muted, self.repeated) = (0, 0, 0, 0, 0)
        self.onEnd()
    }
}
