import Foundation

/// This program once more, as a process of its own.
enum OwnProcess {
    static func make(_ arguments: [String]) -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = arguments
        return process
    }

    /// - Returns: what it printed to standard output.
    static func output(of arguments: [String]) async throws -> String {
        let result: Result<String, any Error> = await withCheckedContinuation { continuation in
            // Reading blocks.
            Thread.detachNewThread {
                let process = self.make(arguments)
                let output = Pipe()
                process.standardOutput = output
                do {
                    try process.run()
                    let data = try output.fileHandleForReading.readToEnd() ?? Data()
                    process.waitUntilExit()
                    guard process.terminationStatus == 0 else {
                        throw BenchmarkError("flotilla-bench \(arguments) ended with \(process.terminationStatus)")
                    }
                    continuation.resume(returning: .success(String(decoding: data, as: UTF8.self)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }
}
