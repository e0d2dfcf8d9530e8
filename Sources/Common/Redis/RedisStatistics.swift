import Synchronization

/// Counts since the client was made, to be read by whoever exports metrics.
package final class RedisStatistics: Sendable {
    let connections = Atomic<Int>(0)
    let commands = Atomic<Int>(0)
    let overloaded = Atomic<Int>(0)
    let failures = Atomic<Int>(0)
    let redirections = Atomic<Int>(0)
    let scriptReloads = Atomic<Int>(0)

    /// Connections made, the first of each node included.
    package var connectionsMade: Int { self.connections.load(ordering: .relaxed) }
    /// Commands accepted.
    package var commandsAccepted: Int { self.commands.load(ordering: .relaxed) }
    /// Commands refused since too many were outstanding.
    package var commandsRefused: Int { self.overloaded.load(ordering: .relaxed) }
    /// Requests whose last command got no answer: connection lost, deadline passed or refused.
    package var unansweredRequests: Int { self.failures.load(ordering: .relaxed) }
    /// MOVED and ASK followed.
    package var clusterRedirections: Int { self.redirections.load(ordering: .relaxed) }
    /// Script calls repeated with their source.
    package var scriptsReloaded: Int { self.scriptReloads.load(ordering: .relaxed) }
}
