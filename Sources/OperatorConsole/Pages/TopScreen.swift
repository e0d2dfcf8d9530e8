package import ClusterAPI
import Foundation

/// What `top` shows: the whole in three lines, members, and the busiest slots.
package struct TopScreen: Sendable {
    package enum Order: String, Sendable, CaseIterable {
        case events, latency, guilds

        /// The key that asks for it.
        var key: Character { self.rawValue.first ?? "e" }
    }

    /// As many as a trend has columns.
    private static let mostRates = 30

    package var order: Order
    private var rates: [Double] = []

    package init(order: Order) { self.order = order }

    /// Remembers the whole rate of a view, for the trend.
    package mutating func note(_ view: ClusterView) {
        self.rates.append(view.slots.reduce(0) { $0 + $1.eventsPerSecond })
        if self.rates.count > Self.mostRates { self.rates.removeFirst() }
    }

    /// - Parameters:
    ///   - height: how many lines there is room for; nil: as many as it takes.
    ///   - notice: what is wrong with the view, such as that it is old.
    package func lines(
        _ view: ClusterView, width: Int?, height: Int?, paint: Paint, notice: String? = nil
    ) -> [String] {
        let limit = width ?? .max
        let shards = view.members.count { $0.kind == .shard && $0.state == "alive" }
        let workers = view.members.count { $0.kind == .worker && $0.state == "alive" }
        let ready = view.slots.count { $0.status == .ready }
        let rate = Phrase.rate(view.slots.reduce(0) { $0 + $1.eventsPerSecond })
        let guilds = Phrase.count(view.slots.reduce(0) { $0 + $1.guilds })
        var lines = [
            paint(
                "flotilla  \(ChangeLine.time(view.generatedAt))  leader \(HarmlessText.of(view.leader))".cut(to: limit),
                .strong),
            "slots \(ready)/\(view.slots.count) ready  shards \(shards)  workers \(workers)  guilds \(guilds)".cut(
                to: limit),
            ["events \(rate)/s", Self.trend(self.rates)].filter { !$0.isEmpty }.joined(separator: "  ").cut(to: limit),
        ]
        for application in view.applications.prefix(3) {
            guard let left = application.identify?.remaining, let total = application.identify?.total else { continue }
            lines.append(
                HarmlessText.of(
                    "session starts of \(application.name): \(Phrase.count(left)) of \(Phrase.count(total)) left"
                ).cut(to: limit))
        }
        let told = notice ?? StatusPage.notices(view).first?.text
        lines.append(told.map { paint("! \(HarmlessText.of($0))".cut(to: limit), .warning) } ?? "")

        // Members take at most a third of the screen.
        let members = view.members.sorted { ($1.eventsPerSecond, $0.id) < ($0.eventsPerSecond, $1.id) }
        let mostMembers = height.map { max(1, ($0 - lines.count) / 3 - 2) } ?? members.count
        lines += self.memberTable(members.prefix(mostMembers)).lines(width: width, paint: paint)
        if members.count > mostMembers {
            lines.append(paint("and \(members.count - mostMembers) more members", .faint))
        }
        lines.append("")
        let slots = self.sorted(view.slots)
        let mostSlots = height.map { max(1, $0 - lines.count - 2) } ?? slots.count
        lines += self.slotTable(slots.prefix(mostSlots)).lines(width: width, paint: paint)
        if height != nil {
            let keys = Order.allCases.map { "\($0.key) \($0.rawValue)" }.joined(separator: "  ")
            lines.append(paint("by \(self.order.rawValue)   keys: \(keys)  q quit".cut(to: limit), .faint))
        }
        return height.map { Array(lines.prefix(max(1, $0))) } ?? lines
    }

    package func sorted(_ slots: [ClusterView.SlotView]) -> [ClusterView.SlotView] {
        func weight(_ slot: ClusterView.SlotView) -> Double {
            switch self.order {
            case .events: slot.eventsPerSecond
            case .latency: slot.latencyMs ?? -1
            case .guilds: Double(slot.guilds)
            }
        }
        return slots.sorted { (weight($1), $0.slot) < (weight($0), $1.slot) }
    }

    private func memberTable(_ members: ArraySlice<ClusterView.Member>) -> TextTable {
        var table = TextTable([
            .init("MEMBER", isFlexible: true), .init("STATE"), .init("SLOTS", .right), .init("LANES", .right),
            .init("EVENTS/S", .right),
        ])
        for member in members {
            let isShard = member.kind == .shard
            table.add([
                .init(member.id), .init(member.stateWords, member.stateStyle),
                .init(optional: isShard ? Phrase.count(member.slots) : nil),
                .init(optional: isShard ? nil : Phrase.count(member.lanes)),
                .init(optional: isShard ? Phrase.rate(member.eventsPerSecond) : nil),
            ])
        }
        return table
    }

    private func slotTable(_ slots: ArraySlice<ClusterView.SlotView>) -> TextTable {
        var table = TextTable([
            .init("SLOT"), .init("MEMBER", isFlexible: true), .init("STATUS"), .init("EVENTS/S", .right),
            .init("LATENCY", .right), .init("GUILDS", .right),
        ])
        for slot in slots {
            table.add([
                .init("\(slot.slot)"), .init(optional: slot.member), .init(slot.statusWords, slot.statusStyle),
                .init(Phrase.rate(slot.eventsPerSecond)), .init(optional: slot.latencyMs.map(Phrase.milliseconds)),
                .init(Phrase.count(slot.guilds)),
            ])
        }
        return table
    }

    /// One block a second, the highest for the most there was.
    static func trend(_ rates: [Double]) -> String {
        let blocks: [Character] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
        guard let most = rates.max(), most > 0, most.isFinite else { return "" }
        return String(rates.map { blocks[min(7, max(0, Int($0 / most * 7.999)))] })
    }
}
