import Runtime
import Testing

@testable import ClusterClient

@Suite("Coordinator URLs")
struct CoordinatorURLTests {
    @Test(arguments: [
        ("http://coordinator:7400", "http://coordinator:7400"), ("https://c.example/", "https://c.example"),
        ("HTTP://[::1]:7400", "HTTP://[::1]:7400"), ("http://proxy/fleet//", "http://proxy/fleet"),
    ])
    func `A URL is taken without the slash at its end`(text: String, expected: String) throws {
        #expect(try CoordinatorURL(text).description == expected)
    }

    @Test(arguments: [
        ("", "does not begin with http"), ("coordinator:7400", "does not begin with http"),
        ("ftp://c", "does not begin with http"),
        ("file:///etc/passwd", "does not begin with http"), ("http://", "names no host"),
        ("http:///v1", "names no host"), ("http://c:0", "port"), ("http://c:70000", "port"),
        ("http://user:secret@c", "holds no user"), ("http://c@evil", "holds no user"), ("http://c?x=1", "has a query"),
        ("http://c#x", "fragment"), ("http://c d", "is no URL"), ("http://c\r\nx: y", "is no URL"),
        ("http://c\\@evil", "is no URL"), ("http://" + String(repeating: "c", count: 2048), "is longer than 2048"),
    ])
    func `Everything else is refused with what is wrong`(text: String, reason: String) {
        do {
            Issue.record("taken: \(try CoordinatorURL(text))")
        } catch {
            #expect(error.description.contains(reason), "\(error)")
            #expect(!error.description.contains("secret") && error.description.count < 200)
        }
    }

    @Test func `Several are separated by commas, and keep their order`() throws {
        let urls = try CoordinatorURLs("http://b:1, http://a:1/,https://c")
        #expect(urls.all.map(\.description) == ["http://b:1", "http://a:1", "https://c"])
    }

    @Test(arguments: [
        ("http://a,,http://b", "\"\" does not begin with http"), ("http://a,gopher://b", "gopher://b"),
        ("http://a,http://a/", "twice"),
        ((0...8).map { "http://c\($0)" }.joined(separator: ","), "9 URLs"),
    ])
    func `A list with a bad one is refused, and the bad one named`(text: String, reason: String) {
        do {
            Issue.record("taken: \(try CoordinatorURLs(text))")
        } catch {
            #expect(error.description.contains(reason), "\(error)")
        }
    }

    @Test func `A bad setting is told by its name`() throws {
        let reader = SettingsReader(
            SettingsSource(environment: ["FLOTILLA_COORDINATOR_URL": "http://a,http://user:pass@b"]))
        _ = CoordinatorURLs(reader, default: nil)
        let error = try #require(throws: ConfigurationError.self) { try reader.finish() }
        #expect(error.problems.map(\.variable) == ["FLOTILLA_COORDINATOR_URL"])
        #expect(error.problems.first?.expected.contains("holds no user") == true)
    }

    @Test func `The setting has to be there when nothing else is given`() throws {
        let reader = SettingsReader(SettingsSource(environment: [:]))
        #expect(CoordinatorURLs(reader, default: "http://127.0.0.1:7400").all.count == 1)
        try reader.finish()
        _ = CoordinatorURLs(reader, default: nil)
        #expect(throws: ConfigurationError.self) { try reader.finish() }
    }
}
