package import Discord
package import Runtime

/// All that can be set of a sandbox.
package struct SandboxSettings: Sendable {
    /// Who listens where. Port 0 takes a free one.
    package var host = "127.0.0.1"
    package var httpPort = 0
    package var gatewayPort = 0
    /// With certificate and key there are TLS listeners beside the plain ones.
    package var httpsPort = 0
    package var gatewayTLSPort = 0
    package var certificateFile: String?
    package var privateKeyFile: String?
    /// What clients are told to connect to; by default this host and the gateway's port.
    package var publicGatewayURL: String?
    /// Set, READY names a listener of its own for RESUME on this port; 0 takes a free one.
    package var resumePort: Int?
    /// What READY names for RESUME; by default that listener, or the gateway.
    package var publicResumeURL: String?
    /// For URLs in answers; by default this host and the HTTP port.
    package var publicURL: String?
    /// Who shows it may use the routes below `/sandbox/v1`; without it there are none.
    package var controlToken: Secret?
    /// Faults that happen by themselves from the start on.
    package var faults: FaultSchedule?
    /// `nil`: everything is kept in memory and gone at the end.
    package var dataFile: String?
    package var ledgerFile: String?
    /// The chat page; `nil` serves none.
    package var pageFolder: String?
    package var botToken: Secret
    package var passwordIterations: Int32 = 120_000
    package var messagesPerChannel = 10_000
    package var gateway = SandboxGatewaySettings()
    package var rateLimits = SandboxRateLimits()
    /// A generated world beside the demo guilds.
    package var world: WorldSpec?
    /// Events that happen in the generated world in a second.
    package var traffic = 0
    package static let mostTraffic = 1_000_000
    /// Set, the gateway's listeners replay these events and nothing else.
    package var replay: ReplayGateway.Options?
    /// What tests set to decide the time themselves.
    var clock = Hub.Clock()

    /// In memory, on free ports of loopback.
    package init() {
        self.botToken = Secret(Self.developmentBotToken)
    }

    /// The demo application's token unless one is set: the same everywhere.
    package static let developmentBotToken = Token.development(for: DemoWorld.applicationID)
    package static let applicationID = DemoWorld.applicationID
    /// The applications of a generated world, by number from 0; the first is the demo application.
    package static func application(_ number: Int) -> (id: Snowflake, developmentToken: String) {
        let id = GeneratedWorld.applicationID(number)
        return (id, Token.development(for: id))
    }

    /// The demo guilds Harbor and Lighthouse.
    package static let demoGuildIDs = DemoWorld.guildIDs

    package init(_ reader: SettingsReader) {
        self.init()
        self.host = reader.string(
            "sandbox.host", default: "127.0.0.1", help: "Address that all of the sandbox's listeners take.")
        self.httpPort = reader.int(
            "sandbox.http.port", default: 8080, in: 0...65535,
            help: "Port of REST and the chat page; 0 takes a free one.")
        self.gatewayPort = reader.int(
            "sandbox.gateway.port", default: 8081, in: 0...65535, help: "Port of the gateway; 0 takes a free one.")
        self.certificateFile = reader.optionalString(
            "sandbox.tls.certificate", help: "PEM chain; with the key it adds TLS listeners.")
        self.privateKeyFile = reader.optionalString("sandbox.tls.key", help: "PEM private key of the certificate.")
        self.httpsPort = reader.int("sandbox.https.port", default: 8443, in: 0...65535, help: "Port of REST over TLS.")
        self.gatewayTLSPort = reader.int(
            "sandbox.gateway.tls.port", default: 8444, in: 0...65535, help: "Port of the gateway over TLS.")
        if (self.certificateFile == nil) != (self.privateKeyFile == nil) {
            reader.reportProblem(
                self.certificateFile == nil ? "sandbox.tls.certificate" : "sandbox.tls.key", given: nil,
                expected: "both FLOTILLA_SANDBOX_TLS_CERTIFICATE and FLOTILLA_SANDBOX_TLS_KEY, or neither")
        }
        self.publicGatewayURL = reader.optionalString(
            "sandbox.gateway.url",
            help: "Gateway URL that clients are told, such as wss://gateway.example; by default the listener's own.")
        if let url = self.publicGatewayURL, !url.hasPrefix("ws://"), !url.hasPrefix("wss://") {
            reader.reportProblem("sandbox.gateway.url", given: url, expected: "a URL that begins with ws:// or wss://")
        }
        let resumePort = reader.int(
            "sandbox.gateway.resume.port", default: -1, in: -1...65535,
            help: "Port of a gateway listener that READY names for RESUME; 0 takes a free one, -1 has none.")
        self.resumePort = resumePort < 0 ? nil : resumePort
        self.publicResumeURL = reader.optionalString(
            "sandbox.gateway.resume.url", help: "Gateway URL that READY names for RESUME; by default the listener's.")
        if let url = self.publicResumeURL, !url.hasPrefix("ws://"), !url.hasPrefix("wss://") {
            reader.reportProblem(
                "sandbox.gateway.resume.url", given: url, expected: "a URL that begins with ws:// or wss://")
        }
        self.controlToken = reader.optionalSecret(
            "sandbox.control.token", help: "Token of the routes below /sandbox/v1; without it there are none.")
        if let text = reader.optionalString(
            "sandbox.faults", help: "Seeded faults, such as seed=1,every=2s,kinds=op7+op9+close+stall+drop.")
        {
            do {
                self.faults = try FaultSchedule(text)
            } catch {
                reader.reportProblem(
                    "sandbox.faults", given: text,
                    expected: "a schedule like seed=1,every=2s,kinds=op7+close (\(error))")
            }
        }
        self.publicURL = reader.optionalString(
            "sandbox.public.url", help: "Origin of REST and page for URLs in answers; by default the listener's own.")
        self.dataFile = reader.optionalString(
            "sandbox.data", help: "SQLite file of accounts, guilds and messages; without it all is kept in memory.")
        self.ledgerFile = reader.optionalString(
            "sandbox.ledger", help: "File of JSON lines: connections, identifies, resumes, dispatches, REST calls.")
        self.pageFolder = reader.optionalString(
            "sandbox.page", help: "Folder of the chat page; by default the one that comes with the program.")
        if let token = reader.optionalSecret(
            "sandbox.bot.token", help: "The demo bot's token; by default a fixed development token.")
        {
            self.botToken = token
        }
        self.messagesPerChannel = reader.int(
            "sandbox.messages.per.channel", default: 10_000, in: 100...1_000_000,
            help: "Messages kept for each channel; older ones go.")
        self.readGateway(reader)
        self.readWorld(reader)
        self.readReplay(reader)
        self.rateLimits.isEnabled = reader.bool(
            "sandbox.rate.limits", default: true, help: "Whether REST is rate limited.")
        self.rateLimits.global = reader.int(
            "sandbox.rate.limit.global", default: 50, in: 1...1_000_000, help: "REST requests of one token in a second."
        )
        self.rateLimits.scale = reader.int(
            "sandbox.rate.limit.scale", default: 1, in: 1...10_000,
            help: "Multiplies each route's limit; 1 is Discord-like.")
    }

    private mutating func readWorld(_ reader: SettingsReader) {
        self.traffic = reader.int(
            "sandbox.traffic", default: 0, in: 0...Self.mostTraffic,
            help: "Events that happen in the generated world in a second; 0: none.")
        guard
            let text = reader.optionalString(
                "sandbox.world", help: "A generated world, such as seed=7,guilds=200,members=20-2000.")
        else {
            if self.traffic > 0 {
                reader.reportProblem(
                    "sandbox.traffic", given: "\(self.traffic)", expected: "FLOTILLA_SANDBOX_WORLD to be set as well")
            }
            return
        }
        do {
            self.world = try WorldSpec(parsing: text)
        } catch {
            reader.reportProblem("sandbox.world", given: text, expected: error.description)
        }
        if self.dataFile != nil {
            reader.reportProblem(
                "sandbox.world", given: text,
                expected: "FLOTILLA_SANDBOX_DATA not to be set as well: a generated world is kept in memory")
        }
    }

    private mutating func readReplay(_ reader: SettingsReader) {
        let events = reader.int(
            "sandbox.replay.events", default: 0, in: 0...1_000_000_000,
            help: "Above 0, the gateway only replays so many ready-made events of 1 KB to each session, for measuring.")
        let rate = reader.int(
            "sandbox.replay.rate", default: 0, in: 0...1_000_000,
            help: "Replayed events of each session in a second; 0 as fast as the client reads.")
        guard events > 0 else { return }
        self.replay = ReplayGateway.Options(events: events, eventsPerSecond: rate > 0 ? rate : nil)
        self.replay?.heartbeatInterval = self.gateway.heartbeatInterval
        self.replay?.token = self.botToken
    }

    private mutating func readGateway(_ reader: SettingsReader) {
        self.gateway.heartbeatInterval = reader.duration(
            "sandbox.heartbeat.interval", default: .milliseconds(41_250), in: .milliseconds(100)...(.seconds(600)),
            help: "Heartbeat interval that clients are told.")
        self.gateway.maxConcurrency = reader.int(
            "sandbox.max.concurrency", default: 1, in: 1...1_024, help: "Discord's max_concurrency.")
        self.gateway.identifyInterval = reader.duration(
            "sandbox.identify.interval", default: .seconds(5), in: .zero...(.seconds(60)),
            help: "One Identify for each key in this time.")
        self.gateway.sessionStartLimit = reader.int(
            "sandbox.session.start.limit", default: 1_000, in: 0...1_000_000,
            help: "Identifies of an application in 24 hours.")
        self.gateway.recommendedShards = reader.int(
            "sandbox.shards", default: 1, in: 1...65_536, help: "Shard count that /gateway/bot recommends.")
        self.gateway.replayBufferSize = reader.int(
            "sandbox.replay.buffer", default: 3_500, in: 1...1_000_000,
            help: "Dispatches kept for RESUME, for each session.")
        self.gateway.sessionTTL = reader.duration(
            "sandbox.session.ttl", default: .seconds(120), in: .zero...(.seconds(3_600)),
            help: "How long a session without a client can be resumed.")
        self.gateway.trimsAtHeartbeat = reader.bool(
            "sandbox.replay.strict", default: false, help: "Whether a heartbeat's number trims the replay buffer.")
        self.gateway.replayBufferBytes = reader.int(
            "sandbox.replay.buffer.bytes", default: 64 << 20, in: 1...(1 << 32),
            help: "Bytes of those dispatches that are kept at most.")
        self.gateway.shardCountMultiple = reader.int(
            "sandbox.shard.multiple", default: 1, in: 1...65_536,
            help: "Shard counts that are no multiple are refused with 4010, as large bots' are.")
        self.gateway.takeover = reader.choice(
            "sandbox.takeover", default: .drop,
            help: "What meets the connection of a session that is resumed on another one.")
        self.gateway.takeoverCode = UInt16(
            clamping: reader.int(
                "sandbox.takeover.code", default: 4000, in: 1000...4999, help: "Close code of the takeover close."))
        self.gateway.lateGuildShare = reader.int(
            "sandbox.guilds.late", default: 0, in: 0...100,
            help: "Percent of the guilds whose GUILD_CREATE comes late after READY.")
        self.gateway.unavailableGuildShare = reader.int(
            "sandbox.guilds.unavailable", default: 0, in: 0...100,
            help: "Percent of the guilds that are unavailable at first after READY.")
        if self.gateway.lateGuildShare + self.gateway.unavailableGuildShare > 100 {
            reader.reportProblem(
                "sandbox.guilds.unavailable", given: "\(self.gateway.unavailableGuildShare)",
                expected: "at most 100 together with FLOTILLA_SANDBOX_GUILDS_LATE")
        }
        self.gateway.guildDelay = reader.duration(
            "sandbox.guilds.delay", default: .seconds(5), in: .zero...(.seconds(600)),
            help: "After READY, when those guilds come.")
    }
}
