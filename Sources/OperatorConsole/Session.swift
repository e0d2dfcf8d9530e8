package import ClusterAPI
package import ClusterClient
import Runtime

/// One command's connection to the coordinator, and its terminal.
package struct Session: Sendable {
    package let client: OperatorClient
    package let console: Console

    package init(client: OperatorClient, console: Console) {
        self.client = client
        self.console = console
    }

    /// Finds the coordinator and runs `body`; what goes wrong is told on standard error.
    ///
    /// - Returns: the exit code.
    package static func run(
        _ choice: CoordinatorAddress.Choice, console: Console, _ body: (Session) async throws -> Void
    ) async -> Int32 {
        func failed(_ error: ConsoleError) -> Int32 {
            console.tellError(error.message)
            return error.code.rawValue
        }
        do {
            let address = try CoordinatorAddress.find(choice, settings: try SettingsSource.process())
            do {
                let client = OperatorClient(address.urls, token: address.token)
                try await body(Session(client: client, console: console))
            } catch let failure as OperatorClient.Failure {
                let hint = failure.code == .unreachable ? address.hint : ""
                return failed(ConsoleError(.init(code: failure.code, message: failure.message + hint)))
            }
            return 0
        } catch let error as ConsoleError {
            return failed(error)
        } catch let error as ConfigurationError {
            return failed(ConsoleError(.usage, "\(error)"))
        } catch {
            return failed(ConsoleError(.refused, "\(error)"))
        }
    }

    /// The cluster; a standby's answer is told as such.
    package func cluster() async throws(OperatorClient.Failure) -> ClusterView {
        let view = try await self.client.cluster()
        if let standby = view.standby {
            self.console.note(
                HarmlessText.of(
                    "\(standby), a standby, answered, and the leader can't be reached: "
                        + "status, guilds, rates and latency are not known"))
        }
        return view
    }

    /// Prints rows, or the JSON of what they show.
    ///
    /// - Parameter nothing: what to say when there are none.
    package func print(_ value: some Encodable, as table: TextTable, isJSON: Bool, nothing: String) throws {
        if isJSON { return self.console.print([try JSONText.of(value)]) }
        guard !table.isEmpty else { return self.console.note(nothing) }
        self.console.print(table)
    }
}
