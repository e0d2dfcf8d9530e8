/// What `flotilla up` is asked to run.
package struct UpOptions: Sendable {
    /// Where data, logs, passwords and the choice of ports are kept. Relative to the working directory.
    package var directory: String
    /// The `flotilla` program itself, which is also every role.
    package var executable: String
    /// The sandbox' program; nil stands for `flotilla-sandbox` beside `executable`.
    package var sandboxExecutable: String?
    /// Shard processes, 1 and more.
    package var shards: Int
    /// Worker processes, 1 and more.
    package var workers: Int
    /// The caller's environment. `DISCORD_TOKEN` in it stands for Discord itself instead of the sandbox.
    package var environment: [String: String]

    package init(
        directory: String = ".flotilla",
        executable: String,
        sandboxExecutable: String? = nil,
        shards: Int = 2,
        workers: Int = 2,
        environment: [String: String]
    ) {
        self.directory = directory
        self.executable = executable
        self.sandboxExecutable = sandboxExecutable
        self.shards = shards
        self.workers = workers
        self.environment = environment
    }
}
