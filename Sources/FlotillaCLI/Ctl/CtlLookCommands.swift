import ArgumentParser
import ClusterAPI
import ClusterClient
import Discord
import Foundation
import OperatorConsole

struct CtlStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "The fleet on one page, and what wants looking at.")

    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            let view = try await session.client.cluster()
            let console = session.console
            if self.output.isJSON { return console.print([try JSONText.of(view)]) }
            console.print(StatusPage.lines(view, width: console.width, paint: console.paint))
        }
    }
}

struct CtlTopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "The busiest members and shards, live.",
        discussion: "On a terminal it is drawn anew each second until q or Ctrl-C; elsewhere it is printed once.")

    @Option(help: "What is sorted by: events, latency or guilds. On the screen the keys e, l and g change it.")
    var by = Order.events

    @Flag(help: "Print it once.")
    var once = false

    @Flag(help: "The slots in that order as the API's JSON, once.")
    var json = false

    @OptionGroup var connection: ConnectionArguments

    enum Order: String, CaseIterable, ExpressibleByArgument {
        case events, latency, guilds

        var order: TopScreen.Order {
            switch self {
            case .events: .events
            case .latency: .latency
            case .guilds: .guilds
            }
        }
    }

    func run() async throws {
        try await self.connection.run { session in
            guard self.json else { return try await session.top(self.by.order, once: self.once) }
            let slots = TopScreen(order: self.by.order).sorted(try await session.cluster().slots)
            session.console.print([try JSONText.of(slots)])
        }
    }
}

struct CtlMembersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "members", abstract: "Shard and worker processes.")

    enum Kind: String, CaseIterable, ExpressibleByArgument {
        case shard, worker

        var kind: MemberKind { self == .shard ? .shard : .worker }
    }

    @Option(help: "Only these.")
    var kind: Kind?

    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            let view = try await session.cluster()
            let members = view.members.filter { self.kind == nil || $0.kind == self.kind?.kind }
            try session.print(
                members, as: Listings.members(members, now: view.generatedAt, isWide: self.output.isWide),
                isJSON: self.output.isJSON, nothing: "no member takes part")
        }
    }
}

struct CtlShardsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shards", abstract: "Shards, where they run and how they are.")

    /// Statuses as the JSON has them.
    struct Status: ExpressibleByArgument {
        let status: SlotStatus

        init?(argument: String) {
            guard let status = SlotStatus(rawValue: argument) else { return nil }
            self.status = status
        }

        var defaultValueDescription: String { self.status.rawValue }
        static var allValueStrings: [String] { SlotStatus.allCases.map(\.rawValue) }
        static var defaultCompletionKind: CompletionKind { .list(Self.allValueStrings) }
    }

    @Option(help: ArgumentHelp("Only those of this member.", valueName: "id"), completion: Completion.shardMembers)
    var member: String?

    @Option(help: ArgumentHelp("Only those with this status; may be repeated.", valueName: "status"))
    var status: [Status] = []

    @OptionGroup var application: ApplicationArguments

    @Option(help: ArgumentHelp("Only those of this generation.", valueName: "number"), completion: .list([]))
    var generation: Int?

    @Flag(help: "Only those that are not ready.")
    var notReady = false

    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        let filter = SlotFilter(
            member: self.member, statuses: self.status.map(\.status), application: self.application.application,
            generation: self.generation, isNotReady: self.notReady)
        try await self.connection.run { session in
            let view = try await session.cluster()
            if let member = self.member, !view.members.contains(where: { $0.id == member }) {
                session.console.note(HarmlessText.of("no member \(member) takes part (`flotilla ctl members`)"))
            }
            let slots = view.slots.filter(filter.matches)
            try session.print(
                slots, as: Listings.slots(slots, now: view.generatedAt, isWide: self.output.isWide),
                isJSON: self.output.isJSON, nothing: "no shard matches, of \(view.slots.count)")
        }
    }
}

struct CtlFindCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "find", abstract: "Which shard, process, lane and worker a guild's events go through.",
        discussion: "The shard is (guild id >> 22) mod shards, the lane (guild id >> 22) mod lanes.")

    @Argument(
        help: "The guild's id.", completion: .list([]),
        transform: { text in
            guard let id = Snowflake(text) else {
                throw ValidationError("a guild's id is expected: a number such as 1100000000000000100")
            }
            return id
        })
    var guildID: Snowflake

    @OptionGroup var application: ApplicationArguments
    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            let view = try await session.cluster()
            let found = GuildLocation.all(of: self.guildID, in: view, application: self.application.application)
            guard !found.isEmpty else {
                let known = view.applications.map { "\($0.id)" }.joined(separator: ", ")
                throw ConsoleError(
                    .refused, "there is no such application; known are: \(known.isEmpty ? "none" : known)")
            }
            let console = session.console
            if self.output.isJSON { return console.print([try JSONText.of(found)]) }
            for (index, location) in found.enumerated() {
                let lines = GuildPage.lines(location, now: view.generatedAt, paint: console.paint)
                console.print(index == 0 ? lines : [""] + lines)
            }
        }
    }
}

struct CtlLanesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "lanes", abstract: "Which worker reads which lane.")

    @Option(help: ArgumentHelp("Only those of this worker.", valueName: "id"), completion: Completion.members)
    var member: String?

    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            let view = try await session.cluster()
            let lanes = view.lanes.filter {
                self.member == nil || $0.primary == self.member || $0.standby == self.member
            }
            try session.print(
                lanes, as: Listings.lanes(lanes), isJSON: self.output.isJSON,
                nothing: "no lane matches, of \(view.lanes.count)")
        }
    }
}

struct CtlBudgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "budget", abstract: "Session starts that are left, and what holds IDENTIFYs back.")

    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            let view = try await session.cluster()
            try session.print(
                view.applications, as: Listings.budget(view.applications, now: view.generatedAt),
                isJSON: self.output.isJSON, nothing: "no application is known yet")
        }
    }
}

/// How much of a log.
struct LimitArguments: ParsableArguments {
    @Option(name: .shortAndLong, help: ArgumentHelp("The most entries, from 1 to 10000.", valueName: "number"))
    var limit = 50

    func validate() throws {
        guard (1...10_000).contains(self.limit) else { throw ValidationError("--limit goes from 1 to 10000") }
    }
}

struct CtlGapsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gaps", abstract: "Sessions that were lost: events may be missing. The latest first.")

    @OptionGroup var limit: LimitArguments
    @OptionGroup var application: ApplicationArguments
    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            let gaps = try await session.gaps(most: self.limit.limit, application: self.application.application)
            try session.print(
                gaps, as: Listings.gaps(gaps, now: .now, isWide: self.output.isWide), isJSON: self.output.isJSON,
                nothing: "no session was ever lost")
        }
    }
}

struct CtlAuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Who changed what, and what came of it. The latest first.")

    @Option(help: ArgumentHelp("Only what this one asked for.", valueName: "name"), completion: .list([]))
    var actor: String?

    @Option(help: ArgumentHelp("Only this, such as drain or reshard.", valueName: "action"), completion: .list([]))
    var action: String?

    @OptionGroup var limit: LimitArguments
    @OptionGroup var application: ApplicationArguments
    @OptionGroup var connection: ConnectionArguments
    @OptionGroup var output: OutputArguments

    func run() async throws {
        try await self.connection.run { session in
            let entries = try await session.audit(
                most: self.limit.limit, actor: self.actor, action: self.action,
                application: self.application.application)
            try session.print(
                entries, as: Listings.audit(entries, now: .now, isWide: self.output.isWide),
                isJSON: self.output.isJSON, nothing: "nothing was changed yet")
        }
    }
}

struct CtlWatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Changes as they happen, a line each, until Ctrl-C.")

    /// Kinds as the JSON has them.
    struct Kind: ExpressibleByArgument {
        let kind: ClusterChange.Kind

        init?(argument: String) {
            guard let kind = ClusterChange.Kind(rawValue: argument) else { return nil }
            self.kind = kind
        }

        static var allValueStrings: [String] { ClusterChange.Kind.allCases.map(\.rawValue) }
        static var defaultCompletionKind: CompletionKind { .list(Self.allValueStrings) }
    }

    @Option(help: ArgumentHelp("Only changes of this kind; may be repeated.", valueName: "kind"))
    var kind: [Kind] = []

    @Flag(help: "A JSON object a line.")
    var json = false

    @OptionGroup var connection: ConnectionArguments

    func run() async throws {
        try await self.connection.run { session in
            try await session.follow(kinds: Set(self.kind.map(\.kind)), isJSON: self.json)
        }
    }
}
