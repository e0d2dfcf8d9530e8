/// Where the private stores listen, with the credentials of each role.
package struct StoreAddresses: Sendable, Equatable {
    /// RabbitMQ's administrator: may declare everything.
    package let amqpAdministrator: String
    /// RabbitMQ's user of shards: writes to the exchanges of shards, declares nothing.
    package let amqpShard: String
    /// RabbitMQ's user of workers: reads lanes and commands, declares nothing.
    package let amqpWorker: String
    package let redis: String
    package let database: String
    /// What a process carries in its environment that may not outlive the stores, however whoever runs them ends.
    package internal(set) var mark: [String: String] = [:]

    /// The variables that the project's tests look for.
    package var testEnvironment: [String: String] {
        [
            "FLOTILLA_TEST_AMQP_URL": self.amqpAdministrator,
            "FLOTILLA_TEST_REDIS_URL": self.redis,
            "FLOTILLA_TEST_DATABASE_URL": self.database,
        ]
    }
}
