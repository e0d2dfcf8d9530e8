import AMQP
import Applications
import ClusterAPI
import ClusterClient
import ControlAPI
import Foundation
import Gateway
import NIOCore
package import Runtime

/// Everything a shard process can be told.
package struct ShardSettings: Sendable {
    let coordinators: CoordinatorURLs
    let memberToken: Secret
    let registration: MemberRegistration
    let tokens: ApplicationTokens
    var broker: AMQPConfiguration?
    let eventLoops: Int
    let bufferBytes: Int
    var slot: SlotSettings
    let planFile: String?
    /// How often the file is looked at.
    var planInterval: Duration = .seconds(2)
    var control = ControlNames()
    package let operations: OperationsServer.Settings

    package init(_ reader: SettingsReader, processID: Int32, version: String) {
        self.coordinators = CoordinatorURLs(reader, default: nil)
        self.memberToken = reader.requiredSecret("member.token", help: "Shown to the coordinator.")
        let id = reader.string(
            "member.id", default: MemberRegistration.defaultID("shard", processID: processID),
            help: "Name of this process, the same after a restart: 1 to 64 of a-z A-Z 0-9 . _ -")
        if !MemberRegistration.isValid(id: id) {
            reader.reportProblem("member.id", given: id, expected: "1 to 64 of a-z A-Z 0-9 . _ -")
        }
        self.registration = MemberRegistration(
            id: id,
            kind: .shard,
            capacity: reader.int(
                "shard.capacity", default: 1_000, in: 1...100_000, help: "Most slots that this process runs."),
            zone: reader.string("zone", default: "default", help: "Failure zone of this process."),
            version: version)
        self.tokens = reader.applicationTokens()
        self.broker = reader.parsed(
            "amqp.url", default: nil, aliases: ["AMQP_URL"], secret: true,
            expected: "amqp://user:password@host:port/vhost",
            help: "RabbitMQ, as a user that may write to its own exchange."
        ) { try AMQPConfiguration(url: $0) }
        self.eventLoops = reader.int(
            "shard.event-loops", default: min(System.coreCount, 8), in: 1...64,
            help: "Threads that slots are spread over; each has a broker connection.")
        let megabytes = reader.int(
            "shard.buffer", default: 64, in: 1...65_536,
            help: "MiB of unconfirmed events past which sockets are left unread.")
        self.bufferBytes = megabytes << 20
        self.slot = SlotSettings(reader)
        self.planFile = reader.optionalString(
            "shard.plan-file", help: "JSON file with the publish plan, read again when it changes and on SIGHUP.")
        if let path = self.planFile {
            do {
                self.slot.plan = PublishPlan(self.slot.dropRules + (try PublishPlanFile(path: path)).rules)
            } catch {
                reader.reportProblem("shard.plan-file", given: path, expected: "a publish plan: \(error)")
            }
        }
        self.slot.cache = CacheSettings(reader)
        self.operations = OperationsServer.Settings(reader)
    }
}

extension ShardSettings {
    /// Counts all events as confirmed and sends none: for measuring what comes before the broker.
    package mutating func discardEvents() {
        self.slot.discardsEvents = true
        self.broker = nil
    }
}

extension SlotSettings {
    init(_ reader: SettingsReader) {
        self.partition = LanePartition(
            count: reader.int(
                "lanes", default: 32, in: 1...1024,
                help: "Ordered partitions of events; fixed for the life of a cluster."))
        self.compression = reader.choice(
            "gateway.compression", default: GatewayCompression.zstdStream, help: "Transport compression of the gateway."
        )
        self.resumeHosts = ResumeHosts(
            reader.string(
                "gateway.resume-hosts", default: "discord.gg",
                help: "Domains that READY may name for resuming, besides the gateway's own host."))
        let dropped = reader.string(
            "shard.drop-events", default: "", help: "Names of events that are not published, with commas between."
        )
        .split(separator: ",").map { $0.filter { $0 != " " } }
        if !dropped.isEmpty { self.dropRules = [.init(events: dropped, destination: .nowhere)] }
        self.plan = PublishPlan(self.dropRules)
        self.limits.windowEvents = reader.int(
            "shard.window-events", default: 2_048, in: 1...1_000_000,
            help: "Unconfirmed events of a slot on their way to the broker.")
        self.limits.windowBytes = reader.int(
            "shard.window-bytes", default: 4 << 20, in: 1_024...(1 << 30),
            help: "Unconfirmed bytes of a slot on their way to the broker.")
        self.limits.laneMessages = reader.int(
            "shard.lane-messages", default: 1, in: 1...64,
            help: "Messages of one slot and lane on their way at once; above 1 a refused message may be overtaken.")
        let presence = reader.optionalString(
            "gateway.presence", help: "What bots show until a command says otherwise: the JSON of a presence update.")
        if let presence { self.readPresence(presence, reader) }
        self.confirmTimeout = reader.duration(
            "shard.confirm-timeout", default: .seconds(30), in: .milliseconds(100)...(.seconds(600)),
            help: "A confirm that takes longer makes everything go again through a new channel.")
        self.flushTimeout = reader.duration(
            "shard.flush-timeout", default: .seconds(8), in: .milliseconds(100)...(.seconds(60)),
            help: "How long a hand-over waits for confirms.")
        let authority = reader.optionalString(
            "gateway.ca-file", help: "PEM certificates to trust at the gateway in place of the system's.")
        if let authority {
            do {
                self.gatewayTLS = try GatewayClientTLS(caFile: authority)
            } catch {
                reader.reportProblem("gateway.ca-file", given: authority, expected: "a PEM file with certificates")
            }
        }
    }

    private mutating func readPresence(_ text: String, _ reader: SettingsReader) {
        do {
            let presence = try JSONDecoder().decode(PresenceUpdate.self, from: Data(text.utf8))
            try presence.validate()
            self.presence = presence
        } catch {
            reader.reportProblem(
                "gateway.presence", given: text,
                expected: "JSON such as {\"status\":\"online\",\"activities\":[{\"name\":\"chess\",\"type\":0}]}"
                    + ((error as? ControlProblem).map { " (\($0.message))" } ?? ""))
        }
    }
}
