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

let package = Package(
    name: "flotilla",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "flotilla", targets: ["FlotillaCLI"]),
        .executable(name: "flotilla-sandbox", targets: ["SandboxCLI"]),
        .executable(name: "flotilla-bench", targets: ["Bench"]),
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
        module("Postgres", in: "Common", ["CPostgres", deque, lifecycle, logging]),
        module("Schema", in: "Common", ["Postgres"]),
        module(
            "ClusterAPI", in: "Common",
            ["Discord", "Runtime", asyncHTTPClient, logging, nioCore, nioFoundation, nioHTTP1]),
        module("HTTPAPI", in: "Common", ["ClusterAPI", "Runtime", hummingbird, logging, nioCore, nioFoundation]),

        // Roles: libraries, so that tests drive them in-process.
        module(
            "Coordinator",
            [
                "AMQP", "ClusterAPI", "Discord", "HTTPAPI", "Postgres", "Runtime", "Schema", asyncHTTPClient, deque,
                hummingbird,
                lifecycle,
                logging, nioCore, nioFoundation, nioHTTP1, nioPosix,
            ]
        ),
        module(
            "Shard",
            [
                "AMQP", "ClusterAPI", "Discord", "Gateway", "Redis", "Runtime", deque, lifecycle, logging, nioCore,
                nioPosix,
            ]
        ),
        module(
            "Worker",
            [
                "AMQP", "ClusterAPI", "Discord", "Redis", "Runtime", asyncHTTPClient, lifecycle, logging, nioCore,
                nioFoundation,
                nioHTTP1, nioPosix,
            ]
        ),
        module(
            "APIServer",
            [
                "ClusterAPI", "HTTPAPI", "Postgres", "Redis", "Runtime", hummingbird, lifecycle, logging, nioCore,
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
                "ClusterAPI", "Runtime", asyncHTTPClient, logging, nioCore, nioHTTP1, nioPosix, signals, subprocess,
                system,
            ]
        ),

        // Executables: thin.
        .executableTarget(
            name: "FlotillaCLI",
            dependencies: [
                "APIServer", "Coordinator", "LocalStack", "Postgres", "Runtime", "Schema", "Shard", "Worker",
                argumentParser, lifecycle,
                logging,
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
                "AMQP", "CBaselines", "Discord", "Gateway", "Postgres", "Redis", argumentParser, logging, nioCore,
                nioPosix,
                subprocess,
            ],
            path: "LoadTests/Bench",
            swiftSettings: settings
        ),

        // What tests share: servers, processes, clocks, fixtures.
        .target(
            name: "TestSupport",
            dependencies: ["Runtime", logging, nioCore, nioPosix],
            path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        tests("DiscordTests", ["Discord"]),
        tests("RuntimeTests", ["Runtime", asyncHTTPClient, lifecycle, logging, nioCore, nioHTTP1]),
        tests(
            "GatewayTests",
            ["CZlib", "CZstd", "Gateway", nioCore, nioEmbedded, nioHTTP1, nioPosix, nioSSL, nioWebSocket]),
        tests("AMQPTests", ["AMQP", logging, nioCore, nioEmbedded, nioPosix, nioSSL]),
        tests("RedisTests", ["Redis", logging, nioCore, nioEmbedded, nioPosix, nioSSL]),
        tests("PostgresTests", ["Postgres", logging]),
        tests("ClusterAPITests", ["ClusterAPI", "Discord", "Runtime", logging, nioCore, nioHTTP1, nioPosix]),
        tests(
            "CoordinatorTests",
            [
                "AMQP", "ClusterAPI", "Coordinator", "Discord", "Postgres", "Runtime", "Schema", lifecycle, logging,
                nioCore, nioPosix,
            ]
        ),
        tests(
            "ShardTests", ["AMQP", "ClusterAPI", "Discord", "Gateway", "Shard", lifecycle, logging, nioCore, nioPosix]),
        tests("WorkerTests", ["AMQP", "ClusterAPI", "Discord", "Redis", "Worker", logging, nioCore, nioPosix]),
        tests(
            "APIServerTests",
            ["APIServer", "ClusterAPI", "Discord", "Runtime", asyncHTTPClient, lifecycle, logging, nioCore, nioHTTP1]),
        tests(
            "SandboxTests",
            ["Discord", "Gateway", "Runtime", "Sandbox", asyncHTTPClient, logging, nioCore, nioHTTP1, nioPosix]),
        tests("LocalStackTests", ["ClusterAPI", "Discord", "LocalStack", system]),
        tests(
            "IntegrationTests",
            [
                "ClusterAPI", "Discord", "Gateway", "LocalStack", "Postgres", "Sandbox", asyncHTTPClient, logging,
                nioCore, nioHTTP1, nioPosix,
            ]
        ),
    ]
)
