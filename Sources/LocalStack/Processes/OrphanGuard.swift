import Foundation
import Subprocess
import SystemPackage

/// A shell that outlives a supervisor that is killed, and stops what it leaves behind.
///
/// It reads from a pipe whose other end only this process holds. When this process ends, in whatever way, the shell
/// reads the end of the pipe and stops all processes that carry the mark of this run, by SIGTERM first and by SIGKILL
/// after 5 s. A run that begins in the same directory meanwhile is not its business.
struct OrphanGuard: Sendable {
    /// `$1` is the mark as an entry of the environment. Processes that end during the search are no errors.
    private static let script = """
        read -r line
        marked() { grep -lzxF -e "$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3; }
        for process in $(marked "$1"); do kill -TERM "$process" 2>/dev/null; done
        for turn in 1 2 3 4 5 6 7 8 9 10; do
            [ -z "$(marked "$1")" ] && exit 0
            sleep 0.5
        done
        for turn in 1 2 3 4 5 6 7 8 9 10; do
            processes=$(marked "$1")
            [ -z "$processes" ] && exit 0
            kill -KILL $processes 2>/dev/null
            sleep 0.2
        done
        """

    /// Runs `body` under the guard. The guard itself ends with it.
    ///
    /// - Throws: what `body` throws; `LocalStackError.notStarted` when there is no shell.
    static func guarding<Result: Sendable>(
        _ processes: MarkedProcesses, _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        var options = PlatformOptions()
        options.createSession = true
        let outcome = try await Subprocess.run(
            .path("/bin/sh"),
            arguments: ["-c", Self.script, "flotilla-guard", processes.runEntry],
            environment: .custom(["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]),
            platformOptions: options,
            input: .inputWriter,
            output: .discarded,
            error: .discarded
        ) { execution in
            let result = try await body()
            try await execution.standardInputWriter.finish()
            return result
        }
        return outcome.closureResult
    }
}
