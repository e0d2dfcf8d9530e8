import ClusterAPI
package import Foundation

/// Restarts members one after the other. Each hands over what it has, ends, and is back before the next one goes.
package struct RollingRestart: Sendable, Codable, Equatable {
    package struct Life: Sendable, Codable, Equatable {
        package let member: String
        package let incarnation: Int
    }

    package internal(set) var waiting: [Life]
    package internal(set) var current: Life?
    package internal(set) var done: Int
    package let requestedBy: String
    package let startedAt: Date

    init(_ lives: [Life], by actor: String, date: Date) {
        self.waiting = lives
        self.done = 0
        self.requestedBy = actor
        self.startedAt = date
    }

    func asksToRestart(_ owner: ClusterState.Owner?) -> Bool {
        guard let owner, let current else { return false }
        return current.member == owner.member && current.incarnation == owner.incarnation
    }
}

extension ClusterState {
    /// How long one member may take to be back.
    private static let longestRestart: Duration = .seconds(180)

    mutating func beginRestart(by actor: String, date: Date) {
        // Workers first: they are back soonest.
        let lives = self.members.values.filter { $0.phase == .alive }
            .sorted { ($0.registration.kind.rawValue, $1.owner) > ($1.registration.kind.rawValue, $0.owner) }
            .map { RollingRestart.Life(member: $0.registration.id, incarnation: $0.incarnation) }
        self.restart = RollingRestart(lives, by: actor, date: date)
        self.restartedAt = nil
        self.change(.restart)
    }

    /// - Returns: how it ended, once it did.
    mutating func advanceRestart(now: Duration) -> String? {
        guard var restart = self.restart else { return nil }
        let since = self.restartedAt ?? now
        self.restartedAt = since
        if let current = restart.current {
            let isBack =
                (self.incarnations[current.member] ?? 0) > current.incarnation
                && self.members[current.member].map { $0.isConfirmed && $0.isAdmitted && $0.phase == .alive } == true
            guard isBack, self.isWhole else {
                guard now - since > Self.longestRestart else { return nil }
                self.restart = nil
                self.change(.restart)
                return isBack
                    ? "stopped: not every slot was ready within \(Self.longestRestart) of \(current.member)'s restart"
                    : "stopped: \(current.member) was not back within \(Self.longestRestart)"
            }
            restart.current = nil
            restart.done += 1
        }
        while restart.current == nil, !restart.waiting.isEmpty {
            let next = restart.waiting.removeFirst()
            // One that restarted or left by itself needs no push.
            guard let member = self.members[next.member], member.incarnation == next.incarnation,
                member.phase == .alive
            else { continue }
            restart.current = next
            self.touch(next.member)
        }
        self.restartedAt = now
        self.change(.restart)
        guard restart.current != nil else {
            self.restart = nil
            return "done: \(restart.done) members are back"
        }
        self.restart = restart
        return nil
    }

    /// Every slot runs, and its session is up.
    private var isWhole: Bool {
        self.free.isEmpty && self.releasing.isEmpty
            && self.slots.values.allSatisfy { !self.isActive($0.slot) || $0.observed?.status == .ready }
    }
}
