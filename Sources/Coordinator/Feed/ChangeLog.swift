import ClusterAPI
import DequeModule

/// The last changes of one leader, numbered from 1.
struct ChangeLog: Sendable {
    static let mostKept = 1_000

    let leaderEpoch: Int64
    private var changes: Deque<ClusterChange> = []
    /// Of the latest change.
    private var number: Int64 = 0

    init(leaderEpoch: Int64) { self.leaderEpoch = leaderEpoch }

    mutating func append(_ new: [ClusterChange]) {
        self.number += Int64(new.count)
        self.changes.append(contentsOf: new.suffix(Self.mostKept))
        self.changes.removeFirst(max(0, self.changes.count - Self.mostKept))
    }

    /// What came after a cursor.
    /// - Parameter cursor: nil, too old or another leader's: then it is a reset with the newest cursor and no changes.
    func page(after cursor: Cursor?) -> ChangePage {
        let newest = Cursor(leaderEpoch: self.leaderEpoch, number: self.number)
        guard let cursor, cursor.leaderEpoch == self.leaderEpoch,
            (self.number - Int64(self.changes.count)...self.number).contains(cursor.number)
        else { return ChangePage(changes: [], cursor: newest.description, isReset: true) }
        return ChangePage(
            changes: Array(self.changes.suffix(Int(self.number - cursor.number))), cursor: newest.description,
            isReset: false)
    }

    /// A place in the changes of all leaders.
    struct Cursor: Sendable, Equatable, CustomStringConvertible {
        let leaderEpoch: Int64
        let number: Int64

        init(leaderEpoch: Int64, number: Int64) {
            self.leaderEpoch = leaderEpoch
            self.number = number
        }

        init(_ text: String) throws(Problem) {
            let parts = text.split(separator: "-", omittingEmptySubsequences: false)
            guard parts.count == 2, let epoch = Int64(parts[0]), let number = Int64(parts[1]), epoch >= 0, number >= 0
            else { throw Problem(.badRequest, "cursor: what an earlier answer gave as cursor is expected") }
            (self.leaderEpoch, self.number) = (epoch, number)
        }

        var description: String { "\(self.leaderEpoch)-\(self.number)" }
    }
}
