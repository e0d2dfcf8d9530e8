/// Where the fleet's own processes listen.
struct RoleAddresses: Sendable {
    struct Sandbox: Sendable {
        let httpPort: Int
        let gatewayPort: Int

        var chatURL: String { "http://127.0.0.1:\(self.httpPort)/" }
        var apiURL: String { "http://127.0.0.1:\(self.httpPort)/api/v10" }
    }

    let apiPort: Int
    let coordinatorPorts: [Int]
    /// nil: the fleet talks to Discord.
    let sandbox: Sandbox?

    /// With commas between.
    var coordinatorURLs: String {
        self.coordinatorPorts.map { "http://127.0.0.1:\($0)" }.joined(separator: ",")
    }
    var dashboardURL: String { "http://127.0.0.1:\(self.apiPort)/" }
    var apiURL: String { "http://127.0.0.1:\(self.apiPort)/api/v1" }
}
