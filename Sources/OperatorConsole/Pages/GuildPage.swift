import ClusterAPI
package import Foundation

/// Where a guild is, for people.
package enum GuildPage {
    package static func lines(_ location: GuildLocation, now: Date, paint: Paint) -> [String] {
        let slot = location.slot
        var facts = Facts()
        facts.add("guild", "\(location.guild)")
        facts.add("application", "\(HarmlessText.of(location.applicationName)) (\(location.application))")
        facts.add(
            "shard",
            "\(location.shard) of \(location.numShards), generation \(location.generation)")
        facts.add(
            "member",
            slot.map { HarmlessText.of($0.member ?? "nobody") } ?? paint("the cluster shows no such slot", .bad))
        if let slot {
            var parts = [paint(slot.statusWords, slot.statusStyle)]
            if let latency = slot.latencyMs { parts.append("\(Phrase.milliseconds(latency)) latency") }
            parts.append("\(Phrase.rate(slot.eventsPerSecond)) events/s")
            parts.append(Phrase.count(slot.guilds, "guild"))
            facts.add("status", parts.joined(separator: ", "))
            facts.add("reason", slot.reason.map(HarmlessText.of))
        }
        facts.add("lane", location.lane.map { "\($0) of \(location.lanes)" } ?? paint("there are none yet", .warning))
        facts.add(
            "worker",
            location.worker.map { worker in
                HarmlessText.of(worker) + (location.standby.map { ", standby \(HarmlessText.of($0))" } ?? "")
            } ?? paint("nobody reads the lane", .bad))
        return facts.lines(paint: paint)
    }
}
