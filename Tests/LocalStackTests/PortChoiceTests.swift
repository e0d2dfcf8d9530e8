import TestSupport
import Testing

@testable import LocalStack

@Suite("The choice of ports")
struct PortChoiceTests {
    private func choice(remembered: [String: Int] = [:], free: Set<Int>, any: Int = 40_000) -> PortChoice {
        PortChoice(remembered: remembered, isFree: { free.contains($0) }, anyFree: { any })
    }

    @Test func `The remembered port comes first, then the usual one, then a free one`() throws {
        var first = self.choice(remembered: ["redis": 7000], free: [7000, 6379])
        #expect(try first.choose("redis", usual: 6379) == 7000)
        var second = self.choice(remembered: ["redis": 7000], free: [6379])
        #expect(try second.choose("redis", usual: 6379) == 6379)
        var third = self.choice(remembered: ["redis": 7000], free: [])
        #expect(try third.choose("redis", usual: 6379) == 40_000)
        #expect(third.ports == ["redis": 40_000])
    }

    @Test func `Without a usual port only the remembered one and free ones count`() throws {
        var choice = self.choice(free: [6379])
        #expect(try choice.choose("redis", usual: nil) == 40_000)
    }

    @Test func `Two services never get the same port`() throws {
        var choice = self.choice(remembered: ["a": 5000, "b": 5000], free: [5000])
        #expect(try choice.choose("a", usual: nil) == 5000)
        #expect(try choice.choose("b", usual: 5000) == 40_000)
        #expect(throws: LocalStackError.self) { try choice.choose("c", usual: 5000) }
    }

    @Test(arguments: [-1, 0, 65_536, Int.max])
    func `A remembered number that is no port is passed over`(port: Int) throws {
        var choice = PortChoice(remembered: ["a": port])
        #expect((1...65_535).contains(try choice.choose("a", usual: nil)))
        #expect(choice.ports["a"] != port)
    }

    @Test func `A port with a listener isn't free, one without is`() async throws {
        let port = try quietPort()
        #expect(FreePorts.isFree(port))
        let listener = try ChildProcess(
            "python3", ["-c", "import socket,time;s=socket.create_server(('127.0.0.1',\(port)));time.sleep(60)"])
        try await listener.wait(forPort: port)
        #expect(!FreePorts.isFree(port))
        try await listener.stop()
    }

    @Test func `Ports are the same at the next start`() throws {
        let directory = try TemporaryDirectory("ports")
        let stack = try StackDirectory(creating: directory.path)
        var first = StackPorts(in: stack, takesUsualPorts: false)
        let redis = try first.choose("redis", usual: 6379)
        #expect(redis != 6379)
        try first.save()
        var second = StackPorts(in: stack, takesUsualPorts: false)
        #expect(try second.choose("redis", usual: 6379) == redis)
    }

    @Test func `A damaged file of ports is passed over`() throws {
        let directory = try TemporaryDirectory("ports")
        _ = try directory.write("{\"redis\": \"many", to: "ports.json")
        var ports = StackPorts(in: try StackDirectory(creating: directory.path), takesUsualPorts: false)
        #expect((1...65_535).contains(try ports.choose("redis", usual: 6379)))
    }
}
