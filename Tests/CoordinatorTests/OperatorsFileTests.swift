import ClusterAPI
import Runtime
import TestSupport
import Testing

@testable import Coordinator

@Suite("Operators' file")
struct OperatorsFileTests {
    private let token = "0123456789abcdef"

    private func mistakes(_ text: String) -> String? {
        do {
            _ = try OperatorsFile.parse(text, taken: [Secret("the-member-token-itself")])
            return nil
        } catch {
            return error.description
        }
    }

    @Test func `Lines are name, role and token; comments and empty lines say nothing`() throws {
        let text = "# who may\r\n\r\nada operate \(self.token)\r\n  grace.h\tview   \(self.token)2#\n#x view y"
        #expect(
            try OperatorsFile.parse(text, taken: []) == [
                Operator(name: "ada", role: .operate, token: Secret(self.token)),
                Operator(name: "grace.h", role: .view, token: Secret(self.token + "2#")),
            ])
        #expect(try OperatorsFile.parse("", taken: []).isEmpty)
    }

    @Test(arguments: [
        ("ada operate", "name, role and token"), ("ada operate a b", "name, role and token"),
        ("ada admin 0123456789abcdef", "the role"), ("ada view short", "16 to 512"),
        ("ada view 0123456789abcdé", "visible ASCII"), ("a/b view 0123456789abcdef", "the name"),
        ("operator view 0123456789abcdef", "\"operator\""), ("coordinator view 0123456789abcdef", "\"coordinator\""),
        ("ada view the-member-token-itself", "nobody else has"),
        ("x view 0123456789abcdef\nada view 0123456789abcdef", "nobody else has"),
        ("ada view 0123456789abcdeX\nada view 0123456789abcdef", "no other line has"),
    ])
    func `A bad line is named by its number, and nothing of it is shown`(bad: String, expected: String) throws {
        let message = try #require(self.mistakes("# comment\n\(bad)\n"))
        let number = bad.contains("\n") ? 3 : 2
        #expect(message.hasPrefix("line \(number): ") && message.contains(expected), "\(message)")
        #expect(!message.contains("0123456789") && !message.contains("the-member-token"), "\(message)")
    }

    @Test func `All bad lines are told at once, up to ten`() throws {
        let message = try #require(self.mistakes(Array(repeating: "x", count: 12).joined(separator: "\n")))
        #expect(message.contains("line 1:") && message.contains("line 10:") && !message.contains("line 11:"))
        #expect(message.hasSuffix("and 2 more"))
    }

    @Test func `A file that can't be used is a problem of the setting`() throws {
        let directory = try TemporaryDirectory("operators")
        let file = try directory.write("ada\n", to: "operators")
        for path in [file, directory.path("missing")] {
            let reader = SettingsReader(
                SettingsSource(environment: [
                    "FLOTILLA_OPERATORS_FILE": path, "FLOTILLA_OPERATOR_TOKEN": "o", "FLOTILLA_MEMBER_TOKEN": "m",
                    "FLOTILLA_DISCORD_TOKEN": "d", "FLOTILLA_AMQP_URL": "amqp://a:b@127.0.0.1/",
                    "FLOTILLA_DATABASE_URL": "postgres://a:b@127.0.0.1/c",
                ]))
            _ = CoordinatorSettings(reader, processID: 1)
            let error = #expect(throws: ConfigurationError.self) { try reader.finish() }
            #expect(error?.problems.map(\.variable) == ["FLOTILLA_OPERATORS_FILE"])
            #expect(error?.problems.first?.expected.contains(path == file ? "line 1" : "can't be read") == true)
        }
    }

    @Test(arguments: [
        (["FLOTILLA_HTTP_HOST": "127.0.0.1"], "http://127.0.0.1:7400"),
        (["FLOTILLA_HTTP_HOST": "::1"], "http://[::1]:7400"),
        (["FLOTILLA_ADVERTISE_URL": "https://c0.example/"], "https://c0.example"),
    ])
    func `What a leader tells of itself follows from its listener, or is set`(
        environment: [String: String], expected: String
    ) throws {
        let settings = CoordinatorSettings(SettingsReader(SettingsSource(environment: environment)), processID: 1)
        #expect(settings.advertisedURL(port: 7400) == expected)
        let everywhere = SettingsReader(SettingsSource(environment: ["FLOTILLA_HTTP_HOST": "0.0.0.0"]))
        let url = CoordinatorSettings(everywhere, processID: 1).advertisedURL(port: 7400)
        #expect(!url.contains("0.0.0.0") && url.hasSuffix(":7400"))
    }

    @Test(arguments: ["c0:7400", "ftp://c0", "http://", "http://c0?x=1", "http://c0/path", "http://user:password@c0"])
    func `A URL to tell that is none is a problem`(url: String) {
        let reader = SettingsReader(SettingsSource(environment: ["FLOTILLA_ADVERTISE_URL": url]))
        _ = CoordinatorSettings(reader, processID: 1)
        let error = #expect(throws: ConfigurationError.self) { try reader.finish() }
        #expect(error?.problems.contains { $0.variable == "FLOTILLA_ADVERTISE_URL" } == true)
        #expect(error?.problems.contains { $0.given?.contains("password") == true } == false)
    }

    @Test func `Members and operators can't have one token`() {
        let reader = SettingsReader(
            SettingsSource(environment: ["FLOTILLA_OPERATOR_TOKEN": "same", "FLOTILLA_MEMBER_TOKEN": "same"]))
        _ = CoordinatorSettings(reader, processID: 1)
        let error = #expect(throws: ConfigurationError.self) { try reader.finish() }
        #expect(error?.problems.contains { $0.variable == "FLOTILLA_OPERATOR_TOKEN" && $0.given == "***" } == true)
    }
}
