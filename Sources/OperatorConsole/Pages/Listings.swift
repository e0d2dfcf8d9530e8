package import ClusterAPI
package import Foundation

/// The cluster's parts as tables.
package enum Listings {
    package static func members(_ members: [ClusterView.Member], now: Date, isWide: Bool) -> TextTable {
        var columns: [TextTable.Column] = [
            .init("MEMBER", isFlexible: true), .init("KIND"), .init("STATE"), .init("ZONE", isFlexible: true),
            .init("SLOTS", .right), .init("LANES", .right), .init("EVENTS/S", .right), .init("STARTED"),
        ]
        if isWide {
            columns += [
                .init("CAPACITY", .right), .init("INCARNATION", .right), .init("VERSION"), .init("LEASE ENDS"),
            ]
        }
        var table = TextTable(columns)
        for member in members {
            let isShard = member.kind == .shard
            var cells: [TextTable.Cell] = [
                .init(member.id), .init(member.kind.rawValue), .init(member.stateWords, member.stateStyle),
                .init(member.zone), .init(optional: isShard ? Phrase.count(member.slots) : nil),
                .init(optional: isShard ? nil : Phrase.count(member.lanes)),
                .init(optional: isShard ? Phrase.rate(member.eventsPerSecond) : nil),
                .init(Phrase.relative(member.startedAt, to: now)),
            ]
            if isWide {
                cells += [
                    .init(Phrase.count(member.capacity)), .init("\(member.incarnation)"), .init(member.version),
                    .init(Phrase.relative(member.leaseExpiresAt, to: now)),
                ]
            }
            table.add(cells)
        }
        return table
    }

    /// Slots are named in full where there are several applications or generations.
    package static func slots(_ slots: [ClusterView.SlotView], now: Date, isWide: Bool) -> TextTable {
        let isAmbiguous =
            Set(slots.map { Slot(application: $0.application, generation: $0.generation, shard: 0) }).count > 1
        var columns: [TextTable.Column] = [
            .init(isAmbiguous || isWide ? "SLOT" : "SHARD", isAmbiguous || isWide ? .left : .right), .init("STATUS"),
            .init("MEMBER", isFlexible: true), .init("GUILDS", .right), .init("EVENTS/S", .right),
            .init("LATENCY", .right), .init("UPDATED"),
        ]
        if isWide { columns += [.init("EPOCH", .right), .init("WATERMARK", .right), .init("PIN")] }
        columns.append(.init("REASON", isFlexible: true))
        var table = TextTable(columns)
        for slot in slots {
            var cells: [TextTable.Cell] = [
                .init(isAmbiguous || isWide ? "\(slot.slot)" : "\(slot.shard)"),
                .init(slot.statusWords, slot.statusStyle), .init(optional: slot.member),
                .init(Phrase.count(slot.guilds)), .init(Phrase.rate(slot.eventsPerSecond)),
                .init(optional: slot.latencyMs.map(Phrase.milliseconds)),
                .init(Phrase.relative(slot.updatedAt, to: now)),
            ]
            if isWide {
                cells += [
                    .init("\(slot.epoch)"), .init(optional: slot.watermark.map(String.init)), .init(optional: slot.pin),
                ]
            }
            cells.append(.init(slot.reason ?? ""))
            table.add(cells)
        }
        return table
    }

    package static func lanes(_ lanes: [ClusterView.Lane]) -> TextTable {
        var table = TextTable([
            .init("LANE", .right), .init("PRIMARY", isFlexible: true), .init("STANDBY", isFlexible: true),
        ])
        for lane in lanes {
            table.add([
                .init("\(lane.lane)"), .init(lane.primary ?? "nobody reads it", lane.primary == nil ? .bad : nil),
                .init(optional: lane.standby),
            ])
        }
        return table
    }

    package static func budget(_ applications: [ClusterView.Application], now: Date) -> TextTable {
        var table = TextTable([
            .init("APPLICATION"), .init("NAME", isFlexible: true), .init("LEFT", .right), .init("OF", .right),
            .init("FREE TO USE", .right), .init("AT ONCE", .right), .init("RESETS"), .init("STATE", isFlexible: true),
        ])
        for application in applications {
            let identify = application.identify
            let state: TextTable.Cell =
                if let reason = identify?.haltedBy {
                    .init("stopped: \(reason)", .bad)
                } else if let until = identify?.pausedUntil {
                    .init("storm brake, tries again \(Phrase.relative(until, to: now))", .warning)
                } else {
                    identify?.total == nil ? .init("not known yet", .warning) : .init("ok", .good)
                }
            table.add([
                .init("\(application.id)"), .init(application.name),
                .init(optional: identify?.remaining.map { Phrase.count($0) }),
                .init(optional: identify?.total.map { Phrase.count($0) }),
                .init(optional: identify?.free.map { Phrase.count($0) }),
                .init(optional: identify?.maxConcurrency.map { Phrase.count($0) }),
                .init(optional: identify?.resetsAt.map { Phrase.relative($0, to: now) }), state,
            ])
        }
        return table
    }

    package static func gaps(_ gaps: [ClusterView.Gap], now: Date, isWide: Bool) -> TextTable {
        var columns: [TextTable.Column] = [
            .init("WHEN"), .init("SLOT"), .init("MEMBER", isFlexible: true), .init("AFTER", .right),
        ]
        if isWide { columns += [.init("TIME"), .init("SESSION")] }
        var table = TextTable(columns + [.init("REASON", isFlexible: true)])
        for gap in gaps {
            let slot = Slot(application: gap.application, generation: gap.generation, shard: gap.shard)
            var cells: [TextTable.Cell] = [
                .init(Phrase.relative(gap.at, to: now)), .init("\(slot)"), .init(gap.member), .init("\(gap.after)"),
            ]
            if isWide { cells += [.init(ChangeLine.time(gap.at)), .init(gap.session)] }
            table.add(cells + [.init(gap.reason)])
        }
        return table
    }

    package static func audit(_ entries: [AuditEntry], now: Date, isWide: Bool) -> TextTable {
        var table = TextTable([
            .init(isWide ? "TIME" : "WHEN"), .init("WHO", isFlexible: true), .init("ACTION"),
            .init("TARGET", isFlexible: true), .init("DETAIL", isFlexible: true),
        ])
        for entry in entries {
            table.add([
                .init(isWide ? ChangeLine.time(entry.at) : Phrase.relative(entry.at, to: now)), .init(entry.actor),
                .init(entry.action, .strong), .init(entry.target), .init(entry.detail),
            ])
        }
        return table
    }
}
