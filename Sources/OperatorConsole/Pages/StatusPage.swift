package import ClusterAPI
import Foundation

/// The cluster on one page: what there is, and what wants looking at.
package enum StatusPage {
    package static func lines(_ view: ClusterView, width: Int?, paint: Paint) -> [String] {
        var facts = Facts()
        facts.add("leader", HarmlessText.of(view.leader))
        if let standby = view.standby {
            facts.add(
                "answered by",
                paint("\(HarmlessText.of(standby)), a standby: what members observe is not in it", .warning))
        }
        facts.add("members", self.members(view))
        if view.standby == nil {
            let ready = view.slots.count { $0.status == .ready }
            facts.add(
                "slots",
                paint(
                    "\(Phrase.count(ready)) of \(Phrase.count(view.slots.count)) ready",
                    ready == view.slots.count ? .good : .warning))
            facts.add("guilds", Phrase.count(view.slots.reduce(0) { $0 + $1.guilds }))
            facts.add("events", "\(Phrase.rate(view.slots.reduce(0) { $0 + $1.eventsPerSecond })) a second")
        } else {
            facts.add("slots", Phrase.count(view.slots.count))
        }
        let read = view.lanes.count { $0.primary != nil }
        facts.add("lanes", "\(Phrase.count(read)) of \(Phrase.count(view.lanes.count)) are read")
        var lines = facts.lines(paint: paint)
        if !view.applications.isEmpty {
            lines += [""] + self.applications(view).lines(width: width, paint: paint)
        }
        let notices = self.notices(view)
        if !notices.isEmpty {
            lines.append("")
            lines += notices.map { notice in
                let text = HarmlessText.of(notice.text)
                return "\(paint("!", notice.style)) \(width.map { text.cut(to: max(1, $0 - 2)) } ?? text)"
            }
        }
        return lines
    }

    private static func members(_ view: ClusterView) -> String {
        var parts: [String] = []
        for (kind, name) in [(MemberKind.shard, "shard"), (.worker, "worker")] {
            parts.append(Phrase.count(view.members.count { $0.kind == kind && $0.state == "alive" }, name))
        }
        let others = view.members.count { $0.state != "alive" }
        return parts.joined(separator: ", ") + (others > 0 ? ", \(others) leaving or lost" : "")
    }

    private static func applications(_ view: ClusterView) -> TextTable {
        var table = TextTable([
            .init("APPLICATION"), .init("NAME", isFlexible: true), .init("SHARDS", .right), .init("GENERATION", .right),
            .init("READY", .right), .init("GUILDS", .right), .init("EVENTS/S", .right),
            .init("SESSION STARTS LEFT", .right), .init("RESETS"),
        ])
        for application in view.applications {
            let slots = view.slots.filter {
                $0.application == application.id && $0.generation == application.generation
            }
            let ready = slots.count { $0.status == .ready }
            let isTold = view.standby == nil
            let identify = application.identify
            let left = identify.flatMap { identify in
                identify.remaining.map { left in
                    Phrase.count(left) + (identify.total.map { " of \(Phrase.count($0))" } ?? "")
                }
            }
            table.add([
                .init("\(application.id)"), .init(application.name), .init(Phrase.count(application.numShards)),
                .init("\(application.generation)"),
                isTold
                    ? .init(Phrase.count(ready), ready == application.numShards ? .good : .warning)
                    : .init(optional: nil),
                .init(optional: isTold ? Phrase.count(slots.reduce(0) { $0 + $1.guilds }) : nil),
                .init(optional: isTold ? Phrase.rate(slots.reduce(0) { $0 + $1.eventsPerSecond }) : nil),
                .init(optional: left),
                .init(optional: identify?.resetsAt.map { Phrase.relative($0, to: view.generatedAt) }),
            ])
        }
        return table
    }

    struct Notice: Equatable {
        let text: String
        let style: TextStyle
    }

    /// What an operator should look at, the worst first.
    static func notices(_ view: ClusterView) -> [Notice] {
        var bad: [String] = []
        var warnings: [String] = []
        for application in view.applications {
            let name = "\(application.name) (\(application.id))"
            if let reason = application.identify?.haltedBy {
                bad.append("\(name): IDENTIFYs are stopped, \(reason). Correct it, then `flotilla ctl retry`")
            }
            if let until = application.identify?.pausedUntil {
                bad.append(
                    "\(name): most IDENTIFYs failed, the next try is \(Phrase.relative(until, to: view.generatedAt))")
            }
            if let reshard = application.reshard {
                warnings.append(
                    "\(name): reshard since \(Phrase.relative(reshard.startedAt, to: view.generatedAt)) by "
                        + "\(reshard.requestedBy): \(ReshardWatch.words(reshard, lanes: view.lanes.count))")
            }
            for advice in application.advice ?? [] { warnings.append("\(name): \(advice)") }
        }
        if view.standby == nil {
            let failed = view.slots.filter { $0.status == .failed }
            if let first = failed.first {
                bad.append(
                    "\(Phrase.count(failed.count, "slot")) failed, first \(first.slot): "
                        + "\(first.reason ?? "no reason told") (`flotilla ctl shards --status failed`)")
            }
            let waiting = view.slots.count { $0.status != .ready && $0.status != .failed }
            if waiting > 0 {
                warnings.append(
                    "\(Phrase.count(waiting, "slot is", "slots are")) not ready (`flotilla ctl shards --not-ready`)")
            }
        }
        let unread = view.lanes.count { $0.primary == nil }
        if unread > 0 { bad.append("\(Phrase.count(unread, "lane is", "lanes are")) read by no worker") }
        for member in view.members where member.state == "lost" { bad.append("\(member.id) is lost") }
        for member in view.members {
            if let mark = member.mark {
                warnings.append(
                    "\(member.id) is \(mark): it gets nothing new until `flotilla ctl uncordon \(member.id)`")
            } else if member.state == "draining" {
                warnings.append("\(member.id) hands over what it has, and ends")
            }
        }
        if let restart = view.restart {
            let total = restart.done + restart.waiting.count + (restart.current == nil ? 0 : 1)
            warnings.append(
                "rolling restart by \(restart.requestedBy): \(restart.done) of \(Phrase.count(total, "member")) back"
                    + (restart.current.map { ", now \($0)" } ?? ""))
        }
        let recent = (view.gaps ?? []).filter { view.generatedAt.timeIntervalSince($0.at) < 86_400 }
        if let last = recent.last {
            warnings.append(
                "\(Phrase.count(recent.count, "gap")) in 24 h, the last "
                    + "\(Phrase.relative(last.at, to: view.generatedAt)): "
                    + "events may be missing (`flotilla ctl gaps`)")
        }
        return bad.map { Notice(text: $0, style: .bad) } + warnings.map { Notice(text: $0, style: .warning) }
    }
}
