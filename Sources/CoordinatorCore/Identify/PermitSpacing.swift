/// How far apart two permits of one identify bucket are.
package enum PermitSpacing {
    /// Discord: one IDENTIFY each 5 s for each `shard_id % max_concurrency`.
    package static let spacing: Duration = .seconds(5)
    /// One IDENTIFY may be so much longer on its way than the next.
    package static let jitter: Duration = .milliseconds(700)

    /// The IDENTIFY may leave at the end of its permit's time.
    package static func between(_ policy: IdentifyPolicy) -> Duration { self.spacing + policy.validity + self.jitter }
}
