/// The times and counts that a gateway session decides by.
struct SessionPolicy: Sendable, Equatable {
    /// RESUMEs that were sent and not answered by RESUMED, after which the session is given up.
    var resumeAttempts = 3
    /// The wait before the second try; it doubles with each further one.
    var firstBackoff: Duration = .seconds(1)
    var longestBackoff: Duration = .seconds(60)
    /// The first try after a sound connection comes within this, at random, so that not all shards come at once.
    var reconnectSpread: Duration = .milliseconds(250)
    /// A connection that was ready for so long clears the backoff.
    var stableAfter: Duration = .seconds(60)
    var helloTimeout: Duration = .seconds(20)
    /// What HELLO may ask for. Of the 120 payloads that a connection may send in 60 s, 60 are beats then and 30 those
    /// of a probe; with more than that the beats themselves, or commands, would find no room (``SendBudget``).
    var heartbeatIntervals: ClosedRange<Duration> = .seconds(1)...(.seconds(3_600))
    /// From IDENTIFY or RESUME to READY or RESUMED. Long, since Discord answers late in an outage.
    var readyTimeout: Duration = .seconds(180)
    /// Discord's rule before a new IDENTIFY after op 9 (docs until 2022, and staff since).
    var invalidSessionWait: ClosedRange<Duration> = .seconds(1)...(.seconds(5))
    /// A socket waits for its permit at most so long; with a longer wait ahead it is closed and opened again in time.
    var longestPermitWait: Duration = .seconds(15)
    /// How old the knowledge may be by which a RESUME is sent: longer than the broker may take to answer, and shorter
    /// than a lease. And the wait after an answer that is no leave.
    var standingValidity: Duration = .seconds(3)
    var standingRetry: Duration = .milliseconds(500)
    /// How long the socket may stay unread for lack of room before it is closed, resumably.
    var longestPause: Duration = .seconds(45)
    /// Timer beats without an ACK that are borne while other messages come in.
    var missedACKsWithTraffic = 3
}
