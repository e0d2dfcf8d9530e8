import Foundation
import NIOCore
import NIOPosix
import Sandbox

/// The sandbox's replay gateway in a process of its own, so that its memory and its CPU are not ours.
struct ReplayProcess {
    let url: String
    private let process: Process
    private let input: Pipe

    /// - Parameter events: of each session, then silence; nil: without end.
    static func start(events: Int? = nil) throws -> ReplayProcess {
        let process = OwnProcess.make(["--serve-replay", "\(events ?? 0)"])
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        guard line.hasPrefix("ws://") else { throw BenchmarkError("the replay gateway did not start: \(line)") }
        return ReplayProcess(
            url: line.trimmingCharacters(in: .whitespacesAndNewlines), process: process, input: input)
    }

    func stop() {
        // It serves until its standard input ends, which also the end of this process brings.
        try? self.input.fileHandleForWriting.close()
        self.process.waitUntilExit()
    }

    /// What the process runs: prints the gateway's URL, and serves until standard input ends.
    ///
    /// - Parameter events: 0: without end.
    static func serve(events: Int) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let gateway = try await ReplayGateway.start(options: .init(events: events == 0 ? nil : events), group: group)
        FileHandle.standardOutput.write(Data("\(gateway.url)\n".utf8))
        let ended = group.next().makePromise(of: Void.self)
        Thread.detachNewThread {
            _ = try? FileHandle.standardInput.readToEnd()
            ended.succeed()
        }
        try await ended.futureResult.get()
        await gateway.close()
        try await group.shutdownGracefully()
    }
}
