import Foundation

/// The processes of one stack, however they were started: each carries the stack's directory in its environment, and
/// which of the stack's runs it belongs to.
///
/// A mark is inherited, can't be mistaken for another process after its number was used again, and needs no file of
/// process numbers that a killed supervisor leaves behind.
struct MarkedProcesses: Sendable {
    /// Not `FLOTILLA_…`: they are nobody's settings.
    private static let variable = "_FLOTILLA_STACK"
    private static let runVariable = "_FLOTILLA_RUN"

    /// The absolute path of the stack's directory: what the processes of all its runs carry.
    let mark: String
    /// A name that no other run has.
    private let run: String

    init(mark: String) {
        self.mark = mark
        self.run = UUID().uuidString
    }

    /// What only the processes of this run carry, as an entry of the environment.
    var runEntry: String { "\(Self.runVariable)=\(self.run)" }

    /// The processes that carry the directory's mark now, those of earlier runs included. Those of other people can't
    /// be read and are not ours.
    func find() -> [Int32] {
        let entry = Array("\(Self.variable)=\(self.mark)".utf8)
        // No /proc, nothing found.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { process in
            guard process != getpid() else { return false }
            // A process that ended meanwhile, or that we may not look at.
            guard let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ") else {
                return false
            }
            return environment.split(separator: 0).contains { $0.elementsEqual(entry) }
        }
    }

    /// Asks all to stop, kills what is left after `grace`, and returns once none is left or `grace` and 5 s have
    /// passed.
    func stop(grace: Duration) async {
        let clock = ContinuousClock()
        let killAt = clock.now + grace
        let giveUpAt = killAt + .seconds(5)
        var asked: Set<Int32> = []
        while clock.now < giveUpAt {
            let processes = self.find()
            if processes.isEmpty { return }
            for process in processes {
                if clock.now >= killAt {
                    kill(process, SIGKILL)
                } else if asked.insert(process).inserted {
                    kill(process, SIGTERM)
                }
            }
            // Cancelled: goes round faster, still within its bound.
            try? await Task.sleep(for: .milliseconds(50))
        }
    }
}

extension MarkedProcesses {
    /// An environment for a process of this run.
    func adding(to environment: [String: String]) -> [String: String] {
        environment.merging([Self.variable: self.mark, Self.runVariable: self.run]) { $1 }
    }
}
