import ClusterAPI
import CoordinatorCore
import Discord
import Foundation

/// Tells what is different in the cluster's state since it was looked at last.
struct ClusterDiffer: Sendable {
    private struct SlotFact: Equatable {
        let member: String?
        let status: SlotStatus
    }

    private struct Subject: Hashable {
        let kind: ClusterChange.Kind
        let target: String
    }

    private static let order: [ClusterChange.Kind] = [.application, .reshard, .restart, .member, .lane]

    /// Kept apart from the rest: there may be many thousands, of which only those are compared that had news.
    private var slots: [Slot: SlotFact] = [:]
    private var details: [Subject: String] = [:]
    private var lastGap: ClusterState.GapState?
    private var hasLooked = false

    /// - Parameters:
    ///   - slots: those that may be different; the first time all of them.
    ///   - stops: why an application's IDENTIFYs stand still, where they do.
    /// - Returns: nothing at the first look: then there is nothing to compare with.
    mutating func changes(
        to state: ClusterState, slots: Set<Slot>, stops: [Snowflake: String] = [:], date: Date
    ) -> [ClusterChange] {
        let isFirst = !self.hasLooked
        self.hasLooked = true
        var changes = self.detailChanges(Self.details(of: state, stops: stops), date: date)
        changes += self.slotChanges(state, slots, date: date)
        changes += self.newGaps(state.gaps, date: date)
        return isFirst ? [] : changes
    }

    private mutating func detailChanges(_ details: [Subject: String], date: Date) -> [ClusterChange] {
        var changed: [(subject: Subject, detail: String)] = []
        for (subject, detail) in details where self.details[subject] != detail { changed.append((subject, detail)) }
        for subject in self.details.keys where details[subject] == nil {
            changed.append((subject, subject.kind == .member ? "gone" : "over"))
        }
        self.details = details
        func place(_ subject: Subject) -> (Int, Int, String) {
            // Lanes in the order of their numbers.
            (Self.order.firstIndex(of: subject.kind) ?? 0, Int(subject.target) ?? 0, subject.target)
        }
        return changed.sorted { place($0.subject) < place($1.subject) }
            .map { ClusterChange(at: date, kind: $0.subject.kind, target: $0.subject.target, detail: $0.detail) }
    }

    private static func details(of state: ClusterState, stops: [Snowflake: String]) -> [Subject: String] {
        var details: [Subject: String] = [:]
        for (id, application) in state.applications {
            let stop = stops[id].map { "; IDENTIFYs stand still: \($0)" } ?? ""
            details[Subject(kind: .application, target: "\(id)")] =
                "generation \(application.generation) with \(application.numShards) shards\(stop)"
        }
        for (id, reshard) in state.reshards {
            let lanes = "\(reshard.joined) of \(state.lanes.count) lanes joined, \(reshard.left) left"
            let reason = reshard.reason.map { ": \($0)" } ?? ""
            details[Subject(kind: .reshard, target: "\(id)")] =
                "\(reshard.phase.rawValue), \(reshard.fromShards) to \(reshard.toShards) shards, \(lanes)\(reason)"
        }
        if let restart = state.restart {
            let current = restart.current.map { "\($0.member) restarts" } ?? "begins"
            details[Subject(kind: .restart, target: "fleet")] =
                "\(current), \(restart.waiting.count) to come, \(restart.done) done"
        }
        for (id, member) in state.members {
            let mark = state.marks[id].map { ", \($0.rawValue)" } ?? ""
            details[Subject(kind: .member, target: id)] =
                "\(member.phase.name), incarnation \(member.incarnation)\(mark)"
        }
        for (number, lane) in state.lanes.enumerated() {
            let standby = lane.standby.map { ", standby \($0)" } ?? ""
            details[Subject(kind: .lane, target: "\(number)")] = (lane.primary ?? "nobody") + standby
        }
        return details
    }

    private mutating func slotChanges(_ state: ClusterState, _ slots: Set<Slot>, date: Date) -> [ClusterChange] {
        var changed: [(slot: Slot, detail: String)] = []
        for slot in slots {
            guard let now = state.slots[slot], state.isActive(slot) else {
                if self.slots.removeValue(forKey: slot) != nil { changed.append((slot, "no longer run")) }
                continue
            }
            let status = now.owner == nil ? SlotStatus.released : now.observed?.status ?? .starting
            let fact = SlotFact(member: now.owner?.member, status: status)
            guard self.slots.updateValue(fact, forKey: slot) != fact else { continue }
            let reason = status == .failed ? now.observed?.reason.map { ": \($0)" } ?? "" : ""
            changed.append((slot, fact.member.map { "\(status.rawValue) on \($0)\(reason)" } ?? "nobody runs it"))
        }
        return changed.sorted { $0.slot < $1.slot }
            .map { ClusterChange(at: date, kind: .slot, target: "\($0.slot)", detail: $0.detail) }
    }

    private mutating func newGaps(_ gaps: [ClusterState.GapState], date: Date) -> [ClusterChange] {
        let known = self.lastGap.flatMap { last in gaps.lastIndex { $0.isSame(as: last) } }
        self.lastGap = gaps.last ?? self.lastGap
        return gaps.suffix(from: known.map { $0 + 1 } ?? 0).map {
            ClusterChange(
                at: date, kind: .gap, target: "\($0.slot)",
                detail: "events after \($0.gap.after) may be missing: \($0.gap.reason)")
        }
    }
}
