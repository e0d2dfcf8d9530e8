import Foundation
import Harness
import LocalStack
import TestSupport
import Testing

@testable import Sandbox

extension WholeFleets {
    @Suite("Side by side with a public client", .timeLimit(.minutes(4)))
    struct SideBySideTests {
        private static let eventsToHappen = 3000

        @Test func `discord.py's AutoShardedClient and the shard processes see the same events in the same order`()
            async throws
        {
            let directory = try TemporaryDirectory("side-by-side")
            var plan = FleetPlan(
                flotilla: try Programs.flotilla, sandbox: try Programs.sandbox, directory: directory.path("fleet"))
            plan.shardProcesses = 2
            plan.shards = 4
            plan.lanes = 8
            // Small guilds: of large ones GUILD_CREATE shows what `large_threshold` says, and discord.py says another.
            plan.world = "seed=7,guilds=48,members=10-30"
            plan.dropped = []
            // Two clients IDENTIFY each shard.
            plan.identifyInterval = "0s"
            let chosen = plan
            try await withStores(directory: directory.path("stores")) { stores in
                try await LoadedFleet.run(chosen, stores: stores) { fleet in
                    let client = try await PublicClient(beside: fleet, events: directory.path("events.jsonl"))
                    try await Self.compare(client, fleet)
                    try await client.process.stop()
                }
            }
        }

        private static func compare(_ client: PublicClient, _ fleet: LoadedFleet) async throws {
            let sessions = try JSONValue(parsing: try await fleet.control.get("/sessions"))["sessions"]?.array ?? []
            #expect(sessions.count { $0["connected"]?.bool == true && $0["app"] != nil } == 2 * fleet.plan.shards)

            let markers = Markers(fleet: fleet, client: client)
            let opening = try await markers.post("opening")
            try await fleet.control.setTraffic(eventsPerSecond: 600)
            try await eventually(within: .seconds(60), "\(Self.eventsToHappen) events") {
                let traffic = try JSONValue(parsing: try await fleet.control.get("/traffic"))
                return (traffic["generated"]?.integer ?? 0) >= Self.eventsToHappen
            }
            // When this is answered, nothing more happens: in each session the closing markers are last.
            try await fleet.control.setTraffic(eventsPerSecond: 0)
            let closing = try await markers.post("closing")

            let seen = EventWindow(try client.events().map(\.event), from: opening, to: closing)
            var carried = EventWindow()
            // What has no lane has no marker either.
            try await eventually("as many unordered events on the lanes") {
                carried = EventWindow(fleet.recorder.recording.events, from: opening, to: closing)
                return carried.unorderedCount >= seen.unorderedCount
            }
            #expect(seen.difference(to: carried) == nil)
            #expect(seen.count >= Self.eventsToHappen)
            #expect(seen.names.count >= 15, "\(seen.names)")
            let recording = fleet.recorder.recording
            #expect(recording.defects == [] && recording.gaps.isEmpty)
        }
    }

    @Suite struct EventWindowTests {
        private static func event(_ name: String, _ hash: String, guild: String? = "1") -> SeenEvent {
            SeenEvent(name: name, guild: guild, hash: hash)
        }

        private static let opening = event("MESSAGE_CREATE", "0a")
        private static let closing = event("MESSAGE_CREATE", "0b")
        private static let between = [
            event("GUILD_MEMBER_ADD", "01"), event("INTERACTION_CREATE", "02"), event("TYPING_START", "03"),
            event("USER_UPDATE", "04", guild: nil),
        ]

        private static func window(_ events: [SeenEvent]) -> EventWindow {
            EventWindow([opening] + events + [closing], from: [opening], to: [closing])
        }

        @Test func `What lies outside, what is a session's own and where interactions stand makes no difference`() {
            let outside = Self.event("CHANNEL_CREATE", "05")
            let ready = Self.event("READY", "06", guild: nil)
            let other = EventWindow(
                [outside, ready, Self.between[1], Self.opening, Self.between[0], Self.between[3], Self.between[2]]
                    + [Self.closing, outside],
                from: [Self.opening], to: [Self.closing])
            #expect(Self.window(Self.between).difference(to: other) == nil)
            #expect(other.count == 4)
        }

        @Test(arguments: 0..<4)
        func `An event that is missing, twice or of other bytes is told`(index: Int) {
            let whole = Self.window(Self.between)
            var events = Self.between
            events.remove(at: index)
            #expect(whole.difference(to: Self.window(events)) != nil)
            #expect(Self.window(events).difference(to: whole) != nil)
            events = Self.between + [Self.between[index]]
            #expect(whole.difference(to: Self.window(events)) != nil)
            events = Self.between
            events[index] = Self.event(events[index].name, "ff", guild: events[index].guild)
            #expect(whole.difference(to: Self.window(events)) != nil)
        }

        @Test func `Another order within a guild is told`() {
            var events = Self.between
            events.swapAt(0, 2)
            #expect(Self.window(Self.between).difference(to: Self.window(events)) != nil)
        }
    }
}

/// One event, as a client or a lane has it.
struct SeenEvent: Hashable, Sendable, Codable {
    let name: String
    let guild: String?
    /// FNV-1a of 64 bits over the bytes of `d`, in 16 hexadecimal digits.
    let hash: String
}

/// What was seen between two markers of each guild; without a closing one, since the bot has left it, to the end.
struct EventWindow {
    /// What concerns one session only.
    private static let own: Set<String> = ["READY", "RESUMED", "GUILD_MEMBERS_CHUNK"]

    private(set) var guilds: [String: [SeenEvent]] = [:]
    /// Interactions, which have a queue of their own, and what is of no guild; with how often each was seen.
    private(set) var unordered: [SeenEvent: Int] = [:]

    init() {}

    /// - Parameter events: those of a guild in their order.
    init(_ events: [SeenEvent], from opening: Set<SeenEvent>, to closing: Set<SeenEvent>) {
        var closed: Set<String> = []
        for event in events where !Self.own.contains(event.name) {
            guard let guild = event.guild, event.name != "INTERACTION_CREATE" else {
                self.unordered[event, default: 0] += 1
                continue
            }
            if closing.contains(event) {
                closed.insert(guild)
            } else if opening.contains(event) {
                self.guilds[guild] = []
            } else if !closed.contains(guild) {
                self.guilds[guild]?.append(event)
            }
        }
    }

    var unorderedCount: Int { self.unordered.values.reduce(0, +) }
    var count: Int { self.guilds.values.map(\.count).reduce(self.unorderedCount, +) }
    var names: Set<String> {
        Set(self.guilds.values.joined().map(\.name)).union(self.unordered.keys.map(\.name))
    }

    /// The first event that the other has not, or has elsewhere; nil: both are the same.
    func difference(to other: EventWindow) -> String? {
        for guild in Set(self.guilds.keys).union(other.guilds.keys).sorted() {
            guard let own = self.guilds[guild], let others = other.guilds[guild] else {
                return "guild \(guild) was opened on one side only"
            }
            for index in 0..<max(own.count, others.count) {
                let event = index < own.count ? own[index] : nil
                let theirs = index < others.count ? others[index] : nil
                if event != theirs {
                    return "guild \(guild), event \(index) of \(own.count) and \(others.count): "
                        + "\(event.map { "\($0)" } ?? "none") against \(theirs.map { "\($0)" } ?? "none")"
                }
            }
        }
        for event in Set(self.unordered.keys).union(other.unordered.keys)
        where self.unordered[event] != other.unordered[event] {
            return "\(event): \(self.unordered[event] ?? 0) times against \(other.unordered[event] ?? 0) times"
        }
        return nil
    }
}

extension Recording {
    /// Those of a lane in its order, lane after lane.
    fileprivate var events: [SeenEvent] {
        self.queues.flatMap { queue in
            queue.occurrences.lazy.filter { !$0.isGap }.map { occurrence in
                let digits = String(occurrence.hash, radix: 16)
                return SeenEvent(
                    name: self.names.values[Int(occurrence.name)],
                    guild: occurrence.guild == 0 ? nil : "\(self.guilds.values[Int(occurrence.guild) - 1])",
                    hash: String(repeating: "0", count: 16 - digits.count) + digits)
            }
        }
    }
}

/// discord.py, unmodified, that writes down what it is sent (Tests/clients/discordpy_events.py).
private struct PublicClient {
    struct Line: Decodable {
        let event: SeenEvent
        /// Of a marker.
        let content: String?

        private enum CodingKeys: String, CodingKey { case content }

        init(from decoder: any Decoder) throws {
            self.event = try SeenEvent(from: decoder)
            self.content = try decoder.container(keyedBy: CodingKeys.self).decodeIfPresent(
                String.self, forKey: .content)
        }
    }

    let process: ChildProcess
    private let file: String

    /// Starts it with as many shards, and waits until it has all guilds.
    init(beside fleet: LoadedFleet, events file: String) async throws {
        let root = URL(filePath: #filePath).resolvingSymlinksInPath()
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
        let setup = try ChildProcess("\(root)/scripts/client-venv", ["discordpy"])
        guard try await setup.exitStatus(within: .seconds(120)) == 0 else { throw TestFailure(setup.output) }
        self.file = file
        self.process = try ChildProcess(
            "\(root)/.venv/discordpy/bin/python", ["\(root)/Tests/clients/discordpy_events.py"],
            environment: [
                "SANDBOX_REST": "\(fleet.sandboxURL)/api/v10", "SANDBOX_GATEWAY": fleet.gatewayURL,
                "BOT_TOKEN": fleet.botToken, "SHARDS": "\(fleet.plan.shards)", "INTENTS": "\(fleet.plan.intents)",
                "EVENTS_FILE": file, "PYTHONDONTWRITEBYTECODE": "1",
            ])
        try await self.process.wait(for: "ready: ", within: .seconds(90))
    }

    func events() throws -> [Line] {
        let decoder = JSONDecoder()
        return try String(contentsOfFile: self.file, encoding: .utf8).split(separator: "\n").map {
            try decoder.decode(Line.self, from: Data($0.utf8))
        }
    }
}

/// Messages that the bot writes, one in each guild, so that both sides know where they are.
private struct Markers {
    let fleet: LoadedFleet
    let client: PublicClient

    /// Returns when both sides have seen all of them.
    func post(_ word: String) async throws -> Set<SeenEvent> {
        let model = try JSONValue(parsing: try await self.fleet.control.get("/model/guilds"))
        // In an outage nothing is heard of a guild.
        let guilds = (model["guilds"]?.array ?? []).filter { $0["unavailable"]?.bool == false }
            .compactMap { $0["id"]?.string }
        for guild in guilds { try await self.post("marker \(word) \(guild)", in: guild) }
        for guild in guilds { try await self.client.process.wait(for: "marker \(word) \(guild)") }
        let markers = Set(
            try self.client.events().filter { $0.content?.hasPrefix("marker \(word) ") ?? false }.map(\.event))
        guard markers.count == guilds.count, !markers.isEmpty else {
            throw TestFailure("\(markers.count) markers of \(guilds.count) guilds")
        }
        try await eventually("the \(word) markers on the lanes") {
            markers.isSubset(of: self.fleet.recorder.recording.events)
        }
        return markers
    }

    private func post(_ text: String, in guild: String) async throws {
        let api = "\(self.fleet.sandboxURL)/api/v10"
        let authorization = "Bot \(self.fleet.botToken)"
        let channels = try await HTTP.get("\(api)/guilds/\(guild)/channels", authorization: authorization)
        var answer = channels
        for channel in channels.json.array ?? [] where channel["type"]?.integer == 0 {
            let id = channel["id"]?.string ?? ""
            answer = try await HTTP.call(
                "POST", "\(api)/channels/\(id)/messages", authorization: authorization, ["content": .string(text)])
            if answer.status == 200 { return }
        }
        throw TestFailure("guild \(guild) has no channel to write in: \(answer)")
    }
}
