import APIServer
import ArgumentParser
import Coordinator
import Foundation
import Shard
import Worker

struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator", abstract: "Decides which process runs which shard and reads which lane.")

    func run() async throws {
        let id = ProcessInfo.processInfo.processIdentifier
        try await startRole("coordinator", read: { CoordinatorSettings($0, processID: id) }, run: runCoordinator)
    }
}

struct ShardCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shard", abstract: "Keeps gateway sessions and publishes their events.")

    func run() async throws {
        try await startRole(
            "shard",
            read: {
                ShardSettings(
                    $0, processID: ProcessInfo.processInfo.processIdentifier, version: FlotillaCommand.version)
            }, run: runShard)
    }
}

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker", abstract: "Handles events and answers commands.")

    func run() async throws {
        let id = ProcessInfo.processInfo.processIdentifier
        try await startRole(
            "worker", read: { WorkerSettings($0, processID: id, version: FlotillaCommand.version) }, run: runWorker)
    }
}

struct APICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "api", abstract: "Serves the HTTP API and the dashboard.")

    func run() async throws {
        try await startRole("api", read: APIServerSettings.init, run: runAPIServer)
    }
}
