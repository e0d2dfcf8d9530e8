/// The state of a pool at one moment.
package struct PostgresStatistics: Sendable, Equatable {
    package var connecting = 0
    package var idle = 0
    /// Connections with statements under way, leased ones not included.
    package var busy = 0
    package var leased = 0
    /// Requests that wait for a connection.
    package var waiting = 0
    package var statementsInFlight = 0
    /// Since the pool was made.
    package var connectionsOpened = 0
    package var connectFailures = 0
}
