/// RabbitMQ, Redis and PostgreSQL of one stack.
struct PrivateStores: Sendable {
    let rabbitMQ: RabbitMQServer
    let redis: RedisServer
    let postgres: PostgresServer
    let addresses: StoreAddresses
    private let secrets: StackSecrets
    private let mark: MarkedProcesses
    private let directory: StackDirectory

    init(
        in directory: StackDirectory, secrets: StackSecrets, mark: MarkedProcesses, ports: inout StackPorts
    ) throws(LocalStackError) {
        self.directory = directory
        self.secrets = secrets
        self.mark = mark
        self.rabbitMQ = try RabbitMQServer(directory: directory.rabbitMQ, ports: &ports)
        self.redis = try RedisServer(directory: directory.redis, ports: &ports)
        self.postgres = try PostgresServer(directory: directory.postgres, ports: &ports)
        self.addresses = StoreAddresses(
            amqpAdministrator: self.rabbitMQ.url(user: "flotilla", password: secrets.amqpAdministrator),
            amqpShard: self.rabbitMQ.url(user: "shard", password: secrets.amqpShard),
            amqpWorker: self.rabbitMQ.url(user: "worker", password: secrets.amqpWorker),
            redis: self.redis.url(password: secrets.redis),
            database: self.postgres.url(password: secrets.database))
    }

    /// Writes configuration files, and makes PostgreSQL's data at the first start.
    func prepare() async throws(LocalStackError) {
        try self.rabbitMQ.prepare(self.secrets)
        try self.redis.prepare(self.secrets)
        let log = ChildLog(path: "\(self.directory.logs)/postgres-setup.log")
        try await self.postgres.prepare(self.secrets, mark: self.mark, log: log)
    }

    /// After `prepare`.
    func layers() throws(LocalStackError) -> [Supervisor.Layer] {
        [
            [try self.rabbitMQ.portMapper(mark: self.mark)],
            [
                try self.rabbitMQ.specification(mark: self.mark), try self.redis.specification(mark: self.mark),
                try self.postgres.specification(mark: self.mark),
            ],
        ]
    }
}
