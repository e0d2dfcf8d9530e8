import Foundation

package enum MemberKind: String, Sendable, Codable, CaseIterable {
    case shard, worker
}

/// A member's request to take part. Sent again after a lease is lost; each answer starts a new incarnation.
package struct MemberRegistration: Sendable, Codable, Equatable {
    /// 1 to 64 of `a-z A-Z 0-9 . _ -`; the same after a restart of the same process (a pod's name, say).
    package let id: String
    package let kind: MemberKind
    /// The most slots this member runs; for a worker the most lanes it reads as primary.
    package let capacity: Int
    package let zone: String
    package let version: String
    /// Unlike any other process', with which attempt this is of the process to register: a request that comes twice, or
    /// late, ends no life. nil: not told.
    package let process: String?
    package let attempt: Int?

    package init(
        id: String, kind: MemberKind, capacity: Int, zone: String, version: String, process: String? = nil,
        attempt: Int? = nil
    ) {
        self.id = id
        self.kind = kind
        self.capacity = capacity
        self.zone = zone
        self.version = version
        self.process = process
        self.attempt = attempt
    }

    /// The same, said again.
    /// - Parameter process: unlike any other process'.
    package func attempt(_ attempt: Int, of process: String) -> MemberRegistration {
        MemberRegistration(
            id: self.id, kind: self.kind, capacity: self.capacity, zone: self.zone, version: self.version,
            process: process, attempt: attempt)
    }

    /// Unlike any other process' and, in a container, the same after a restart: the host's name and the process' number
    /// there.
    package static func defaultID(_ role: String, processID: Int32) -> String {
        let host = ProcessInfo.processInfo.hostName.map { isValid(id: String($0)) ? $0 : "-" }.prefix(40)
        return "\(role)-\(String(host))-\(processID)"
    }

    /// Whether `id` may be part of an exchange's name and of a URL's path.
    package static func isValid(id: String) -> Bool {
        (1...64).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

package struct MemberRegistered: Sendable, Codable, Equatable {
    /// Grows with each registration of the same id.
    package let incarnation: Int
    /// How long the lease lasts after each renewal.
    package let leaseMilliseconds: Int
    package let renewMilliseconds: Int
    /// The one exchange this incarnation of a shard member may publish to. The coordinator deletes it to fence the
    /// member off.
    package let exchange: String
    /// The queue that this incarnation of a shard member takes commands from; the coordinator deletes it with the
    /// exchange. nil: none.
    package let controlQueue: String?

    package init(
        incarnation: Int, leaseMilliseconds: Int, renewMilliseconds: Int, exchange: String, controlQueue: String? = nil
    ) {
        self.incarnation = incarnation
        self.leaseMilliseconds = leaseMilliseconds
        self.renewMilliseconds = renewMilliseconds
        self.exchange = exchange
        self.controlQueue = controlQueue
    }

    /// The names that broker permissions are written for.
    package static func exchange(member: String, incarnation: Int) -> String { "gw.m.\(member).\(incarnation)" }
    package static func controlQueue(member: String, incarnation: Int) -> String { "gw.c.\(member).\(incarnation)" }
}
