import Foundation
import Testing

/// The committed seeds, each through its target. `make fuzz` goes on from them.
@Suite("Fuzzing corpus", .timeLimit(.minutes(1)))
struct CorpusTests {
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(component: "corpus")

    @Test(arguments: FuzzTarget.allCases)
    func `Every seed keeps its promises`(target: FuzzTarget) throws {
        let folder = Self.corpus.appending(component: target.rawValue)
        let seeds = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        #expect(seeds.count >= 10, "\(target) has hardly any seeds in \(folder.path)")
        for seed in seeds {
            let bytes = try Data(contentsOf: seed)
            #expect(bytes.count <= 4_096, "\(seed.lastPathComponent) is too large for a seed")
            #expect(throws: Never.self, "\(target): \(seed.lastPathComponent)") {
                try bytes.withUnsafeBytes { try target.run($0) }
            }
        }
    }
}
