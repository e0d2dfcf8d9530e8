import Foundation
import Logging
import Runtime
import ServiceLifecycle
import UnixSignals

/// Keeps the publish plan as its file says: reads it again on SIGHUP, and when it has changed. A file that can't be
/// used changes nothing but a metric.
struct PublishPlanWatch: Service {
    private enum Trigger { case looked, hungUp }

    /// What changes with the file.
    private struct Signature: Equatable {
        let modified: Date?
        let bytes: Int?
        let inode: Int?

        init(path: String) {
            // A file that is not there has a signature too.
            let attributes = try? FileManager.default.attributesOfItem(atPath: path)
            self.modified = attributes?[.modificationDate] as? Date
            self.bytes = (attributes?[.size] as? NSNumber)?.intValue
            self.inode = (attributes?[.systemFileNumber] as? NSNumber)?.intValue
        }
    }

    let path: String
    /// What applies before the file's rules.
    let base: [PublishPlan.Rule]
    /// The rules in force, those of the base included.
    let initial: [PublishPlan.Rule]
    let interval: Duration
    let metrics: ShardMetrics
    let logger: Logger
    let apply: @Sendable (PublishPlan) async -> Void

    func run() async throws {
        let (triggers, continuation) = AsyncStream.makeStream(of: Trigger.self, bufferingPolicy: .bufferingNewest(4))
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await cancelWhenGracefulShutdown {
                    while !Task.isCancelled {
                        // Cancellation ends the loop by its condition.
                        try? await Task.sleep(for: self.interval)
                        continuation.yield(.looked)
                    }
                }
                continuation.finish()
            }
            group.addTask {
                await cancelWhenGracefulShutdown {
                    for await _ in await UnixSignalsSequence(trapping: .sighup) { continuation.yield(.hungUp) }
                }
            }
            await self.follow(triggers)
            group.cancelAll()
        }
    }

    private func follow(_ triggers: AsyncStream<Trigger>) async {
        // The process has read it at its start; a change since then is seen at the first look.
        var seen: Signature?
        var applied = self.initial
        for await trigger in triggers {
            let signature = Signature(path: self.path)
            guard trigger == .hungUp || signature != seen else { continue }
            seen = signature
            guard let file = self.read(), self.base + file.rules != applied else { continue }
            applied = self.base + file.rules
            await self.apply(PublishPlan(applied))
            self.logger.info("publish plan applied", metadata: ["plan.rules": "\(file.rules.count)"])
        }
    }

    private func read() -> PublishPlanFile? {
        do {
            let file = try PublishPlanFile(path: self.path)
            for warning in file.warnings {
                self.logger.warning("the publish plan looks wrong", metadata: ["reason": "\(warning)"])
            }
            self.metrics.planInvalid.set(0)
            return file
        } catch {
            self.metrics.planInvalid.set(1)
            self.logger.error(
                "the publish plan can't be used; the one before stays",
                metadata: ["plan.file": "\(self.path)", "reason": "\(error)"])
            return nil
        }
    }
}
