import Testing

@testable import Postgres

@Suite("Database URL")
struct PostgresConfigurationTests {
    @Test(arguments: ["postgres", "postgresql"])
    func `Both schemes are read`(scheme: String) throws {
        let url =
            "\(scheme)://ada:p%40ss@db.example:6543/fleet?sslmode=verify-full&sslrootcert=/ca.pem&connect_timeout=7"
        let configuration = try PostgresConfiguration(url: url)
        #expect(configuration.options["user"] == "ada")
        #expect(configuration.options["host"] == "db.example")
        #expect(configuration.options["port"] == "6543")
        #expect(configuration.options["dbname"] == "fleet")
        #expect(configuration.options["sslmode"] == "verify-full")
        #expect(configuration.options["sslrootcert"] == "/ca.pem")
        #expect(configuration.connectTimeout == .seconds(7))
        #expect(configuration.password?.value == "p@ss")
        #expect(configuration.options["password"] == nil)
    }

    @Test func `A unix socket is a host with a path`() throws {
        let configuration = try PostgresConfiguration(
            url: "postgres:///fleet?host=/run/postgresql&application_name=tests")
        #expect(configuration.options["host"] == "/run/postgresql")
        #expect(configuration.options["application_name"] == "tests")
        #expect(HostLookup.name(in: configuration.options) == nil)
    }

    @Test func `The password shows in no description`() throws {
        let configuration = try PostgresConfiguration(url: "postgres://ada:hunter2@localhost/fleet")
        var dumped = ""
        dump(configuration, to: &dumped)
        for text in ["\(configuration)", String(reflecting: configuration), dumped] {
            #expect(!text.contains("hunter2"), "\(text)")
        }
        #expect(configuration.description == "postgres://ada@localhost/fleet")
    }

    @Test(arguments: [
        "mysql://ada:hunter2@localhost/fleet", "hunter2", "postgres://ada:hunter2%zz@localhost/fleet",
        "postgres://ada:hunter2@localhost/fleet?nonsense=1", "postgres://ada:hunter2@localhost/fleet?connect_timeout=0",
        "postgres://ada:hunter2@[::1/fleet",
    ])
    func `A bad URL is refused without repeating the password`(url: String) {
        let error = #expect(throws: PostgresError.self) { try PostgresConfiguration(url: url) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error.map { "\($0)".contains("hunter2") } == false)
    }

    @Test func `An unknown option is named`() {
        let error = #expect(throws: PostgresError.self) {
            try PostgresConfiguration(url: "postgres://localhost/fleet?nonsense=1")
        }
        #expect(error?.message.contains("nonsense") == true)
    }

    @Test func `Limits out of range are all named`() throws {
        var configuration = try PostgresConfiguration(url: "postgres://localhost/fleet")
        #expect(configuration.problems.isEmpty)
        configuration.pool.minimum = 5
        configuration.pool.maximum = 0
        configuration.pool.waitTimeout = .zero
        #expect(configuration.problems.count == 3)
    }

    @Test(
        arguments: [
            ("localhost", "localhost"), ("127.0.0.1", nil), ("::1", nil), ("/run/pg", nil), ("@abstract", nil),
            ("a,b", nil),
            ("db.svc", "db.svc"), ("", nil),
        ] as [(String, String?)])
    func `Only names are looked up`(host: String, name: String?) {
        #expect(HostLookup.name(in: ["host": host]) == name)
        #expect(HostLookup.name(in: ["host": host, "hostaddr": "127.0.0.1"]) == nil)
    }

    @Test func `Every address of a name is given to libpq`() {
        let options = HostLookup.options(["host": "db", "user": "ada"], with: ["10.0.0.1", "::1"])
        #expect(options == ["host": "db,db", "hostaddr": "10.0.0.1,::1", "user": "ada"])
    }
}

@Suite("Server messages")
struct ServerMessageTests {
    @Test func `A refused connection has its SQLSTATE and no location`() {
        let text = """
            connection to server at "127.0.0.1", port 5432 failed: FATAL:  28P01: password authentication failed for user "ada"
            LOCATION:  auth_failed, auth.c:329
            """
        let error = ServerMessage(connecting: text).error
        #expect(error.code == .connectionRefusedByServer)
        #expect(error.sqlState == "28P01")
        #expect(error.message.hasSuffix("failed: FATAL: password authentication failed for user \"ada\""))
    }

    @Test func `A closed port has no SQLSTATE`() {
        let error = ServerMessage(
            connecting: "connection to server at \"::1\", port 1 failed: Connection refused\n\tIs it?"
        ).error
        #expect(error.code == .connectFailed)
        #expect(error.sqlState == nil)
        #expect(error.message.hasSuffix("Connection refused Is it?"))
    }

    @Test func `Values that the server quotes are cut out`() {
        let text = "invalid input syntax for type integer: \"a \"secret\" thing\""
        let error = ServerMessage(sqlState: "22P02", text: text, constraint: nil).error
        #expect(error.message == "invalid input syntax for type integer: \"…\"")
        let other = ServerMessage(sqlState: "42P01", text: "relation \"x\" does not exist", constraint: nil).error
        #expect(other.message == "relation \"x\" does not exist")
    }

    @Test(arguments: ["57P01", "08006"]) func `A shutdown is a lost connection`(state: String) {
        #expect(ServerMessage(sqlState: state, text: "bye", constraint: nil).error.code == .connectionLost)
    }
}
