import Discord
import Foundation
import Gateway
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Runtime
import ServiceLifecycle

/// Makes a sandbox's parts and joins them.
struct SandboxComposition {
    let settings: SandboxSettings
    let logger: Logger

    func start() async throws -> Sandbox {
        let passwords = Passwords(iterations: self.settings.passwordIterations)
        let store = try self.settings.dataFile.map { try SQLiteStore(path: $0) }
        let world = try await self.world(from: store, passwords)
        let ledger = try self.settings.ledgerFile.map { try Ledger(path: $0, logger: self.logger) }
        let hub = Hub(
            world: world, settings: self.settings.gateway, store: store, ledger: ledger, clock: self.settings.clock)
        try await store?.commit()
        let health = HealthState(required: ["serving"])
        let group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
        let replay = try self.settings.replay.map { try ReplaySource($0) }
        var gateways = Gateways()
        do {
            try await self.listen(&gateways, hub, replay, group)
            return try await self.serve(hub, passwords, gateways, store, ledger, health)
        } catch {
            await gateways.close()
            throw error
        }
    }

    private func listen(
        _ gateways: inout Gateways, _ hub: Hub, _ replay: ReplaySource?, _ group: any EventLoopGroup
    ) async throws {
        var tls: GatewayServerTLS?
        if let certificate = self.settings.certificateFile, let key = self.settings.privateKeyFile {
            tls = try GatewayServerTLS(certificateFile: certificate, privateKeyFile: key)
        }
        gateways.plain = try await self.gateway(
            hub, replay, port: self.settings.gatewayPort, tls: nil, .gateway, group)
        if let tls {
            gateways.secure = try await self.gateway(
                hub, replay, port: self.settings.gatewayTLSPort, tls: tls, .gateway, group)
        }
        if let port = self.settings.resumePort {
            gateways.resume = try await self.gateway(hub, replay, port: port, tls: nil, .resume, group)
            if let tls {
                // A fixed port is the plain listener's.
                gateways.secureResume = try await self.gateway(hub, replay, port: 0, tls: tls, .resume, group)
            }
        }
    }

    private func world(from store: SQLiteStore?, _ passwords: Passwords) async throws -> World {
        var world = World(
            settings: .init(messagesPerChannel: self.settings.messagesPerChannel, recordsChanges: store != nil))
        world.now = self.settings.clock.wall()
        let token = self.settings.botToken.reveal()
        if let store { try store.load(into: &world) }
        if world.applications.isEmpty {
            var hashes: [PasswordHash] = []
            for _ in DemoWorld.logins { hashes.append(try await passwords.hash(DemoWorld.password)) }
            try DemoWorld.fill(&world, passwords: hashes, botToken: token)
        } else {
            world.openGuilds = SandboxSettings.demoGuildIDs.filter { world.guilds[$0] != nil }
            world.replaceCredentials(of: DemoWorld.applicationID, with: token)
        }
        if let spec = self.settings.world { GeneratedWorld.add(spec, to: &world) }
        _ = world.takeDispatches()
        if let store { store.enqueue(world.takeChanges()) }
        return world
    }

    private func gateway(
        _ hub: Hub, _ replay: ReplaySource?, port: Int, tls: GatewayServerTLS?, _ entrance: Door.Entrance,
        _ group: any EventLoopGroup
    ) async throws -> GatewayServer {
        var limits = GatewayLimits.server
        limits.maxConnections = self.settings.gateway.maxConnections
        // READY and every GUILD_CREATE of a full shard are handed over at once.
        limits.maxUnsentBytes = 256 << 20
        let logger = self.logger
        return try await ListenerError.naming(self.settings.host, port, purpose: "sandbox gateway") {
            do {
                return try await GatewayServer.start(
                    host: self.settings.host, port: port, tls: tls, limits: limits, group: group,
                    admission: { _ in hub.admission(at: entrance) }
                ) {
                    connection, request in
                    if let replay {
                        return replay.accept(connection) { hub.gatewayURL(isSecure: tls != nil) }
                    }
                    return Self.accept(connection, request, isSecure: tls != nil, hub, logger)
                }
            } catch let error as GatewayError {
                // The port's own error is what tells a taken one.
                if let cause = error.underlying as? IOError { throw cause }
                throw error
            }
        }
    }

    private static func accept(
        _ connection: GatewayConnection, _ request: GatewayRequest, isSecure: Bool, _ hub: Hub, _ logger: Logger
    ) -> (any GatewayConnectionDelegate)? {
        let version = request.version ?? 10
        let handler = GatewayConnectionHandler(
            id: hub.nextConnectionID(), connection: connection, hub: hub,
            terms: .init(version: version, isSecure: isSecure), logger: logger)
        guard [9, 10].contains(version) else {
            handler.refuse(.invalidAPIVersion, "Invalid API version.")
            return handler
        }
        guard request.encoding ?? "json" == "json" else {
            handler.refuse(.decodeError, "Only the encoding json is spoken here.")
            return handler
        }
        handler.start()
        return handler
    }

    private func serve(
        _ hub: Hub, _ passwords: Passwords, _ gateways: Gateways, _ store: SQLiteStore?, _ ledger: Ledger?,
        _ health: HealthState
    ) async throws -> Sandbox {
        let faults = FaultRunner(hub: hub)
        let traffic = self.settings.world.map {
            TrafficRunner(hub: hub, seed: $0.seed, eventsPerSecond: self.settings.traffic)
        }
        let service = RESTService(
            hub: hub, limits: self.settings.rateLimits, passwords: passwords, faults: faults,
            traffic: traffic, controlToken: self.settings.controlToken, logger: self.logger)
        let adapter = HTTPAdapter(
            service: service, files: StaticFiles(folder: self.settings.pageFolder ?? ChatPage.folder), health: health)
        let (ports, listening) = AsyncStream.makeStream(of: (isTLS: Bool, port: Int).self)
        var services: [any Service] = [Sweeper(hub: hub), GuildLoader(hub: hub)]
        if let ledger { services.insert(ledger, at: 0) }
        if let traffic { services.append(traffic) }
        services.append(
            HTTPListener(host: self.settings.host, port: self.settings.httpPort, tls: nil, adapter: adapter) {
                listening.yield((false, $0))
            })
        let tls = try self.tlsConfiguration()
        if let tls {
            var adapter = adapter
            adapter.isSecure = true
            services.append(
                HTTPListener(host: self.settings.host, port: self.settings.httpsPort, tls: tls, adapter: adapter) {
                    listening.yield((true, $0))
                })
        }
        var configuration = ServiceGroupConfiguration(
            services: services,
            logger: Logger(label: "flotilla.sandbox.services", factory: { _ in SwiftLogNoOpLogHandler() }))
        configuration.maximumGracefulShutdownDuration = .seconds(8)
        let group = ServiceGroup(configuration: configuration)
        let running = Task {
            defer { listening.finish() }
            try await group.run()
        }
        var httpPort: Int?
        var httpsPort: Int?
        for await (isTLS, port) in ports {
            if isTLS { httpsPort = port } else { httpPort = port }
            if httpPort != nil, tls == nil || httpsPort != nil { break }
        }
        guard let httpPort, tls == nil || httpsPort != nil else {
            // The stream ended before all ports came: the services' own error says why.
            try await running.value
            throw SandboxError(.stopped, "the sandbox stopped before it listened")
        }
        let host = Self.reachableHost(self.settings.host)
        hub.setAddresses(self.addresses(of: gateways, host: host))
        hub.setBaseURL(self.settings.publicURL ?? "http://\(host):\(httpPort)")
        if let schedule = self.settings.faults { faults.follow(schedule) }
        health.setReady("serving")
        return Sandbox(
            ports: (httpPort, httpsPort), gateways: gateways, host: host, hub: hub, faults: faults, group: group,
            running: running, store: store, health: health)
    }

    private func addresses(of gateways: Gateways, host: String) -> Hub.Addresses {
        let told = self.settings.publicGatewayURL
        var addresses = Hub.Addresses()
        addresses.plain = told ?? gateways.plain.map { "ws://\(host):\($0.port)" } ?? ""
        addresses.secure =
            told.flatMap { $0.hasPrefix("wss://") ? $0 : nil } ?? gateways.secure.map { "wss://\(host):\($0.port)" }
        let resume = self.settings.publicResumeURL
        addresses.resume = resume ?? gateways.resume.map { "ws://\(host):\($0.port)" }
        addresses.secureResume =
            resume.flatMap { $0.hasPrefix("wss://") ? $0 : nil }
            ?? gateways.secureResume.map { "wss://\(host):\($0.port)" }
        return addresses
    }

    /// How this machine's own clients reach what listens on `host`.
    private static func reachableHost(_ host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "[::1]"
        default: host.contains(":") ? "[\(host)]" : host
        }
    }

    private func tlsConfiguration() throws -> TLSConfiguration? {
        guard let certificate = self.settings.certificateFile, let key = self.settings.privateKeyFile else {
            return nil
        }
        do {
            return TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        } catch {
            throw SandboxError(
                .tlsUnusable, "can't use the certificate \(certificate) with the key \(key)", underlying: error)
        }
    }
}

/// The gateway's listeners.
struct Gateways: Sendable {
    var plain: GatewayServer?
    var secure: GatewayServer?
    var resume: GatewayServer?
    var secureResume: GatewayServer?

    func close() async {
        for server in [self.plain, self.secure, self.resume, self.secureResume] { await server?.close() }
    }
}

/// Lets what is over expire.
struct Sweeper: Service {
    let hub: Hub

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                self.hub.sweep()
                // Cancellation only ends the wait: the loop looks at it.
                try? await Task.sleep(for: .milliseconds(250))
            }
        }
    }
}

/// The chat page that comes with the program.
enum ChatPage {
    /// `nil` when the program was moved away from its resources.
    static var folder: String? {
        let folder = Bundle.module.bundleURL.appendingPathComponent("Resources/chat")
        return FileManager.default.fileExists(atPath: folder.path) ? folder.path : nil
    }
}
