/// What a run under faults showed.
package struct SoakReport: Sendable, Codable {
    package let seed: UInt64
    package let seconds: Double
    package let eventsPerSecond: Double
    package let events: Int
    package let verdicts: [Verdict]
    package let exits: [FleetProcess.Exit]

    package var holds: Bool { self.verdicts.allSatisfy(\.holds) }
}
