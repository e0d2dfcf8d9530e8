/// A Redis of our own, on loopback, behind a password.
struct RedisServer: Sendable {
    let directory: String
    let port: Int

    init(directory: String, port: Int) {
        self.directory = directory
        self.port = port
    }

    init(directory: String, ports: inout StackPorts) throws(LocalStackError) {
        self.init(directory: directory, port: try ports.choose("redis", usual: 6379))
    }

    func url(password: String) -> String { "redis://:\(password)@127.0.0.1:\(self.port)/" }

    func configuration(password: String) -> String {
        // Redis writes its title over its environment, which carries the stack's mark: `set-proc-title no`.
        """
        bind 127.0.0.1
        port \(self.port)
        protected-mode yes
        requirepass \(password)
        dir "\(self.directory)"
        save 300 1
        appendonly no
        daemonize no
        set-proc-title no
        loglevel notice

        """
    }

    func prepare(_ secrets: StackSecrets) throws(LocalStackError) {
        try StackDirectory.writePrivately(
            self.configuration(password: secrets.redis), to: "\(self.directory)/redis.conf")
    }

    func specification(mark: MarkedProcesses) throws(LocalStackError) -> ChildSpecification {
        ChildSpecification(
            name: "redis",
            title: "Redis",
            executable: try InstalledPrograms.named("redis-server", package: "redis-server"),
            arguments: ["\(self.directory)/redis.conf"],
            environment: mark.adding(to: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"]),
            readiness: .probe(.redis(port: self.port)),
            stopLimit: .seconds(4))
    }
}
