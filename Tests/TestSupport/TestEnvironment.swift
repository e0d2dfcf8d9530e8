import Foundation

/// Where the real servers of this test run are. `make test` starts them and sets the variables.
package enum TestEnvironment {
    package struct MissingServer: Error, CustomStringConvertible {
        let variable: String
        package var description: String {
            "\(self.variable) is not set: run the tests with `make test`, which starts RabbitMQ, Redis and PostgreSQL."
        }
    }

    /// An `amqp://` URL whose user may configure, write and read everything.
    package static var amqpURL: String {
        get throws { try value(of: "FLOTILLA_TEST_AMQP_URL") }
    }

    package static var redisURL: String {
        get throws { try value(of: "FLOTILLA_TEST_REDIS_URL") }
    }

    package static var databaseURL: String {
        get throws { try value(of: "FLOTILLA_TEST_DATABASE_URL") }
    }

    private static func value(of variable: String) throws -> String {
        guard let value = ProcessInfo.processInfo.environment[variable], !value.isEmpty else {
            throw MissingServer(variable: variable)
        }
        return value
    }
}
