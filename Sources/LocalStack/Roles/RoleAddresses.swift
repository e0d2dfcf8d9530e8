/// Where the fleet's own processes listen.
struct RoleAddresses: Sendable {
    struct Sandbox: Sendable {
        let httpPort: Int
        let gatewayPort: Int

        var chatURL: String { "http://127.0.0.1:\(self.httpPort)/" }
        var apiURL: String { "http://127.0.0.1:\(self.httpPort)/api/v10" }
    }

    let apiPort: Int
    let coordinatorPort: Int
    /// nil: the fleet talks to Discord.
    let sandbox: Sandbox?

    var coordinatorURL: String { "http://127.0.0.1:\(self.coordinatorPort)" }
    var dashboardURL: String { "http://127.0.0.1:\(self.apiPort)/" }
    var apiURL: String { "http://127.0.0.1:\(self.apiPort)/api/v1" }
}
