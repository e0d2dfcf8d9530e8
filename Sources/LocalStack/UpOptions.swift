/// What `flotilla up` is asked to run.
package struct UpOptions: Sendable {
    /// Where data, logs, passwords and the choice of ports are kept. Relative to the working directory.
    package var directory: String
    /// The `flotilla` program itself, which is also every role.
    package var executable: String
    /// The sandbox' program; nil stands for `flotilla-sandbox` beside `executable`.
    package var sandboxExecutable: String?
    /// Coordinators, 1 to 3: one leads, the others stand by.
    package var coordinators: Int
    /// Shard processes, 1 and more.
    package var shards: Int
    /// Worker processes, 1 and more.
    package var workers: Int
    /// The caller's environment. `DISCORD_TOKEN` or `DISCORD_TOKENS` in it stands for Discord itself instead of the
    /// sandbox.
    package var environment: [String: String]

    package init(
        directory: String = ".flotilla",
        executable: String,
        sandboxExecutable: String? = nil,
        coordinators: Int = 1,
        shards: Int = 2,
        workers: Int = 2,
        environment: [String: String]
    ) {
        self.directory = directory
        self.executable = executable
        self.sandboxExecutable = sandboxExecutable
        self.coordinators = coordinators
        self.shards = shards
        self.workers = workers
        self.environment = environment
    }
}
