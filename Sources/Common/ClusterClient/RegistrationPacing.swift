/// How long a member whose lease is over waits before it registers again, and whether another process seems to run
/// under its name. It knows no clock.
///
/// Two processes with one member id end each other's lease with every registration. Each of them waits longer from time
/// to time, up to half a minute.
package struct RegistrationPacing: Sendable {
    /// A lease that lasted for this long ended for some other reason.
    private static let longLife: Duration = .seconds(60)
    private static let longestPause: Duration = .seconds(30)

    private var registeredAt: Duration?
    private var shortLives = 0

    package init() {}

    package mutating func registered(at now: Duration) { self.registeredAt = now }

    package struct Pause: Sendable, Equatable {
        package let duration: Duration
        /// Name the member id to the operator: it has to be this process' own.
        package let suspectsNamesake: Bool
    }

    /// The coordinator said that the incarnation is over. After the first time in a minute the member registers at
    /// once, then after 0.5 to 1 s, 1 to 2 s, and so on up to 15 to 30 s.
    ///
    /// - Parameter jitter: 0 to 1, random.
    package mutating func incarnationEnded(at now: Duration, jitter: Double) -> Pause {
        if let registeredAt = self.registeredAt, now - registeredAt >= Self.longLife {
            self.shortLives = 0
        } else {
            self.shortLives += 1
        }
        self.registeredAt = nil
        guard self.shortLives > 1 else { return Pause(duration: .zero, suspectsNamesake: false) }
        let pause = min(Self.longestPause, .seconds(1 << min(self.shortLives - 2, 6)))
        return Pause(duration: pause * (0.5 + 0.5 * jitter), suspectsNamesake: true)
    }
}
