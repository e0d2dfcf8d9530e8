import Foundation

/// What a ledger line tells of a fault: whom it met, as far as it meets sessions or guilds.
struct FaultFact: Decodable {
    let fault: String
    /// The sandbox's number of it.
    let id: Int64?
    let code: UInt16?
    let sessions: [String]?
    let conns: [Int64]?
    let guilds: [String]?

    /// - Parameter text: the line. nil: it has no fault's members.
    init?(_ text: String) {
        guard let fact = try? JSONDecoder().decode(Self.self, from: Data(text.utf8)) else { return nil }
        self = fact
    }

    /// Sessions, or guilds. A connection that has no session yet has nothing to lose.
    var met: Int { (self.sessions?.count ?? 0) + (self.guilds?.count ?? 0) }
}
