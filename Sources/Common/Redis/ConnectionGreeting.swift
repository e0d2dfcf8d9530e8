/// The first commands of a connection, and what their results mean.
struct ConnectionGreeting: Sendable {
    private enum Step {
        case authenticate, name, select, ping, load
    }

    private var steps: [Step] = []
    private(set) var pipeline = RedisPipeline()

    init(configuration: RedisConfiguration) {
        if let password = configuration.password {
            let user: [RedisArgument] = configuration.username.map { [.string($0)] } ?? []
            self.add(.authenticate, ["AUTH"] + user + [.string(password)])
        }
        if let name = configuration.clientName { self.add(.name, ["CLIENT", "SETNAME", .string(name)]) }
        if configuration.database != 0, !configuration.isCluster {
            self.add(.select, ["SELECT", RedisArgument(configuration.database)])
        }
        self.add(.ping, ["PING"])
        for script in configuration.scripts { self.add(.load, ["SCRIPT", "LOAD", .string(script.source)]) }
    }

    private mutating func add(_ step: Step, _ arguments: [RedisArgument]) {
        self.steps.append(step)
        self.pipeline.append(RedisCommand(arguments))
    }

    /// Why the connection is of no use. A user without the right to PING, to name itself or to load scripts may go on.
    func problem(in results: [RESPValue]) -> RedisError? {
        for (step, result) in zip(self.steps, results) {
            guard let error = result.error else { continue }
            if step == .authenticate, error.delivery == .answered {
                return RedisError(.authenticationFailed, error.message)
            }
            switch (step, error.serverKind) {
            case (.name, _?), (.load, _?), (.ping, "NOPERM"): continue
            default: return error.with(delivery: .notSent)
            }
        }
        return nil
    }
}
