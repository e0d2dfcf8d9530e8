import Foundation

/// The ports of one stack, remembered in `ports.json` so that addresses stay the same from run to run while they are
/// free.
struct StackPorts: Sendable {
    private var choice: PortChoice
    private let path: String
    private let takesUsualPorts: Bool

    /// - Parameter takesUsualPorts: whether to try well-known ports first, such as 5672; false for stacks beside
    ///   another one.
    init(in directory: StackDirectory, takesUsualPorts: Bool) {
        self.path = "\(directory.path)/ports.json"
        self.takesUsualPorts = takesUsualPorts
        // A missing or damaged file only means that ports are chosen anew.
        let remembered = FileManager.default.contents(atPath: self.path)
            .flatMap { try? JSONDecoder().decode([String: Int].self, from: $0) }
        self.choice = PortChoice(remembered: remembered ?? [:])
    }

    mutating func choose(_ service: String, usual: Int) throws(LocalStackError) -> Int {
        try self.choice.choose(service, usual: self.takesUsualPorts ? usual : nil)
    }

    func save() throws(LocalStackError) {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(self.choice.ports).write(to: URL(fileURLWithPath: self.path), options: .atomic)
        } catch {
            throw LocalStackError(.files, "can't write \(self.path)", underlying: error)
        }
    }
}
