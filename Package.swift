// swift-tools-version: 6.2

import PackageDescription

/// Every target is Swift 6, with warnings as errors and the upcoming features that make imports and existentials
/// explicit.
let settings: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioFoundation: Target.Dependency = .product(name: "NIOFoundationCompat", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioWebSocket: Target.Dependency = .product(name: "NIOWebSocket", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdTLS: Target.Dependency = .product(name: "HummingbirdTLS", package: "hummingbird")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let grdb: Target.Dependency = .product(name: "GRDB", package: "GRDB.swift")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

func module(
    _ name: String,
    in folder: String = "",
    _ dependencies: [Target.Dependency],
    resources: [Resource]? = nil
) -> Target {
    .target(
        name: name,
        dependencies: dependencies,
        path: folder.isEmpty ? "Sources/\(name)" : "Sources/\(folder)/\(name)",
        resources: resources,
        swiftSettings: settings
    )
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(
        name: name, dependencies: ["TestSupport"] + dependencies, path: "Tests/\(name)", swiftSettings: settings)
}

/// What the fuzzers run.
let fuzzed: [Target.Dependency] = [
    "AMQP", "Discord", "Gateway", "JSONReference", "Redis", logging, nioCore, nioEmbedded, nioWebSocket,
]

let package = Package(
    name: "flotilla",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "flotilla", targets: ["FlotillaCLI"]),
        .executable(name: "flotilla-sandbox", targets: ["SandboxCLI"]),
        .executable(name: "flotilla-bench", targets: ["Bench"]),
        .executable(name: "flotilla-simulate", targets: ["Simulate"]),
        .executable(name: "flotilla-soak", targets: ["Soak"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.6.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // C libraries from Debian: a module map and a shim each.
        .systemLibrary(name: "CRabbitMQ", providers: [.apt(["librabbitmq-dev"])]),
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .systemLibrary(name: "CPostgres", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "COpenSSL", providers: [.apt(["libssl-dev"])]),

        // Common: none of these imports a role.
        module("Discord", in: "Common", []),
        module("Runtime", in: "Common", [hummingbird, lifecycle, logging, nioCore, signals]),
        module(
            "Gateway", in: "Common", ["CZlib", "CZstd", "Discord", nioCore, nioHTTP1, nioPosix, nioSSL, nioWebSocket]),
        module("AMQP", in: "Common", ["CRabbitMQ", deque, lifecycle, logging, nioCore, nioPosix, nioSSL]),
        module("Redis", in: "Common", ["CHiredis", deque, lifecycle, logging, nioCore, nioPosix, nioSSL]),
        module("GuildCache", in: "Common", ["Discord", "Redis", logging, nioCore, nioFoundation]),
        module("Postgres", in: "Common", ["CPostgres", deque, lifecycle, logging]),
        module("Schema", in: "Common", ["Postgres"]),
        module("ClusterAPI", in: "Common", ["Discord"]),
        module(
            "ClusterClient", in: "Common",
            ["ClusterAPI", "Discord", "Runtime", asyncHTTPClient, logging, nioCore, nioFoundation, nioHTTP1, nioPosix]),
        module("ControlAPI", in: "Common", ["ClusterAPI", "Discord", nioCore, nioFoundation]),
        module("Applications", in: "Common", ["Discord", "Runtime"]),
        module("HTTPAPI", in: "Common", ["ClusterAPI", "Runtime", hummingbird, logging, nioCore, nioFoundation]),

        // Roles: libraries, so that tests drive them in-process.
        // The coordinator's mind: pure, so that a simulation can run it.
        module("CoordinatorCore", ["ClusterAPI", "Discord"]),
        module(
            "Coordinator",
            [
                "AMQP", "Applications", "ClusterAPI", "ControlAPI", "CoordinatorCore", "Discord", "HTTPAPI", "Postgres",
                "Runtime",
                "Schema", asyncHTTPClient, deque, hummingbird,
                lifecycle,
                logging, nioCore, nioFoundation, nioHTTP1, nioPosix,
            ],
            resources: [.copy("Resources/openapi.json")]
        ),
        module(
            "Shard",
            [
                "AMQP", "Applications", "ClusterAPI", "ClusterClient", "ControlAPI", "Discord", "Gateway", "GuildCache",
                "Redis", "Runtime", deque, lifecycle, logging, nioCore, nioPosix, signals,
            ]
        ),
        module(
            "Worker",
            [
                "AMQP", "Applications", "ClusterAPI", "ClusterClient", "ControlAPI", "Discord", "GuildCache", "Redis",
                "Runtime", asyncHTTPClient, deque, lifecycle, logging, nioCore,
                nioFoundation,
                nioHTTP1, nioPosix,
            ]
        ),
        module(
            "APIServer",
            [
                "ClusterAPI", "ClusterClient", "HTTPAPI", "Postgres", "Redis", "Runtime", hummingbird, lifecycle,
                logging, nioCore,
                nioFoundation,
            ],
            resources: [.copy("Resources/openapi.json")]
        ),
        module(
            "Sandbox",
            [
                "COpenSSL", "Discord", "Gateway", "Runtime", deque, grdb, hummingbird, hummingbirdTLS, lifecycle,
                logging, nioCore,
                nioPosix, nioSSL,
            ],
            resources: [.copy("Resources")]
        ),
        module(
            "LocalStack",
            [
                "ClusterAPI", "ClusterClient", "Runtime", asyncHTTPClient, logging, nioCore, nioHTTP1, nioPosix,
                signals, subprocess,
                system,
            ]
        ),

        // `flotilla ctl` without its command line.
        module("OperatorConsole", ["ClusterAPI", "ClusterClient", "Discord", "Runtime", signals]),

        // Executables: thin.
        .executableTarget(
            name: "FlotillaCLI",
            dependencies: [
                "APIServer", "ClusterAPI", "ClusterClient", "Coordinator", "Discord", "LocalStack", "OperatorConsole",
                "Postgres", "Runtime", "Schema", "Shard", "Worker", argumentParser, lifecycle, logging,
            ],
            path: "Sources/FlotillaCLI",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "SandboxCLI",
            dependencies: ["Runtime", "Sandbox", argumentParser, lifecycle, logging],
            path: "Sources/SandboxCLI",
            swiftSettings: settings
        ),

        // Benchmarks, and the C loops that they compare with.
        .target(
            name: "CBaselines",
            dependencies: ["CRabbitMQ", "CZstd"],
            path: "LoadTests/CBaselines",
            linkerSettings: [.linkedLibrary("rabbitmq"), .linkedLibrary("zstd")]
        ),
        .executableTarget(
            name: "Bench",
            dependencies: [
                "AMQP", "CBaselines", "ClusterAPI", "ClusterClient", "CoordinatorCore", "Discord", "Gateway",
                "GuildCache",
                "Postgres", "Redis", "Runtime", "Sandbox", "Shard", argumentParser, asyncHTTPClient, lifecycle, logging,
                nioCore, nioHTTP1, nioPosix, subprocess,
            ],
            path: "LoadTests/Bench",
            swiftSettings: settings
        ),

        // The load and fault harness, and the program that runs it for long.
        .target(
            name: "Harness",
            dependencies: [
                "AMQP", "ClusterAPI", "ClusterClient", "Discord", "GuildCache", "LocalStack", "Redis", "Runtime",
                "TestSupport", asyncHTTPClient, logging, nioCore, nioFoundation, nioHTTP1, nioPosix,
            ],
            path: "LoadTests/Harness",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "Soak",
            dependencies: ["Harness", "LocalStack", argumentParser, logging],
            path: "LoadTests/Soak",
            swiftSettings: settings
        ),

        // The control plane under virtual time.
        .target(
            name: "Simulation",
            dependencies: ["ClusterAPI", "CoordinatorCore", "Discord"],
            path: "LoadTests/Simulation",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "Simulate",
            dependencies: ["Simulation", argumentParser],
            path: "LoadTests/Simulate",
            swiftSettings: settings
        ),

        // What tests share: servers, processes, clocks, fixtures.
        .target(
            name: "TestSupport",
            dependencies: ["ClusterAPI", "Discord", "Runtime", logging, nioCore, nioPosix],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        .target(
            name: "JSONReference", dependencies: ["Discord"], path: "Tests/JSONReference", swiftSettings: settings),
        tests("DiscordTests", ["Discord", "JSONReference"]),
        tests("RuntimeTests", ["Runtime", asyncHTTPClient, lifecycle, logging, nioCore, nioHTTP1]),
        tests(
            "GatewayTests",
            ["CZlib", "CZstd", "Gateway", nioCore, nioEmbedded, nioHTTP1, nioPosix, nioSSL, nioWebSocket]),
        tests("AMQPTests", ["AMQP", logging, nioCore, nioEmbedded, nioPosix, nioSSL]),
        tests("RedisTests", ["Redis", logging, nioCore, nioEmbedded, nioPosix, nioSSL]),
        tests("GuildCacheTests", ["Discord", "GuildCache", "Redis", logging, nioCore, nioPosix]),
        tests("PostgresTests", ["Postgres", logging]),
        tests("ApplicationsTests", ["Applications", "Discord", "Runtime"]),
        tests("ClusterAPITests", ["ClusterAPI", "Discord"]),
        tests(
            "ClusterClientTests",
            ["ClusterAPI", "ClusterClient", "Discord", "Runtime", logging, nioCore, nioHTTP1, nioPosix]),
        tests("ControlAPITests", ["ClusterAPI", "ControlAPI", "Discord", nioCore]),
        tests("CoordinatorCoreTests", ["ClusterAPI", "CoordinatorCore", "Discord"]),
        tests(
            "CoordinatorTests",
            [
                "AMQP", "Applications", "ClusterAPI", "ControlAPI", "Coordinator", "CoordinatorCore", "Discord",
                "Postgres", "Runtime", "Schema", asyncHTTPClient, hummingbird, lifecycle, logging, nioCore, nioHTTP1,
                nioPosix,
            ]
        ),
        tests(
            "ShardTests",
            [
                "AMQP", "ClusterAPI", "ClusterClient", "ControlAPI", "Discord", "Gateway", "GuildCache", "Redis",
                "Shard", lifecycle, logging, nioCore, nioPosix,
            ]),
        tests(
            "WorkerTests",
            [
                "AMQP", "Applications", "ClusterAPI", "ClusterClient", "ControlAPI", "Discord", "GuildCache", "Redis",
                "Runtime", "Worker", logging, nioCore, nioHTTP1, nioPosix,
            ]),
        tests(
            "APIServerTests",
            [
                "APIServer", "ClusterAPI", "ClusterClient", "Discord", "Runtime", asyncHTTPClient, lifecycle, logging,
                nioCore, nioHTTP1,
            ]),
        tests(
            "SandboxTests",
            ["Discord", "Gateway", "Runtime", "Sandbox", asyncHTTPClient, logging, nioCore, nioHTTP1, nioPosix]),
        tests(
            "LocalStackTests", ["AMQP", "ClusterAPI", "Discord", "LocalStack", logging, nioCore, nioPosix, system]),
        tests("OperatorConsoleTests", ["ClusterAPI", "ClusterClient", "Discord", "OperatorConsole", "Runtime"]),
        tests("SimulationTests", ["Simulation"]),
        tests(
            "HarnessTests",
            ["AMQP", "ClusterAPI", "Discord", "GuildCache", "Harness", "Redis", logging, nioCore, nioPosix]),
        .testTarget(
            name: "FuzzTests",
            dependencies: fuzzed,
            path: "Tests/FuzzTests",
            exclude: ["Fuzzer", "corpus"],
            sources: ["Targets", "Replay"],
            swiftSettings: settings
        ),
        tests(
            "IntegrationTests",
            [
                "AMQP", "ClusterAPI", "ControlAPI", "Discord", "Gateway", "Harness", "LocalStack", "Postgres",
                "Sandbox",
                "Worker", asyncHTTPClient, logging, nioCore, nioHTTP1, nioPosix,
            ]
        ),
    ]
)

// `scripts/fuzz` builds with sanitizers, and nothing but the fuzzer.
if Context.environment["FLOTILLA_FUZZ"] != nil {
    let fuzzer = Target.executableTarget(
        name: "Fuzzer",
        dependencies: fuzzed,
        path: "Tests/FuzzTests",
        exclude: ["Replay", "corpus"],
        sources: ["Targets", "Fuzzer"],
        swiftSettings: settings
    )
    var needed = ["Fuzzer"]
    let targets = package.targets + [fuzzer]
    // Grows while it is walked through.
    var next = 0
    while next < needed.count {
        for case .byNameItem(let name, _) in targets.first(where: { $0.name == needed[next] })?.dependencies ?? []
        where !needed.contains(name) {
            needed.append(name)
        }
        next += 1
    }
    package.targets = targets.filter { needed.contains($0.name) }
    package.products = []
}
